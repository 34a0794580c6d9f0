"""The cost of a batch on Mechanical Turk, and the raters' hourly wage."""

from dataclasses import dataclass

FEE = 0.20  # https://www.mturk.com/pricing
FEE_FROM_TEN_RATERS = 0.40
LEAST_FEE = 0.01  # per answer


@dataclass(frozen=True)
class Cost:
    """Amounts in US dollars."""

    tasks: int
    raters: int
    pay: float
    seconds_per_task: float

    @property
    def answers(self) -> int:
        return self.tasks * self.raters

    @property
    def fee(self) -> float:
        """Amazon's fee for one answer."""
        share = FEE if self.raters < 10 else FEE_FROM_TEN_RATERS
        return max(LEAST_FEE, share * self.pay)

    @property
    def total(self) -> float:
        return self.answers * (self.pay + self.fee)

    @property
    def hourly_wage(self) -> float:
        return self.pay * 3600 / self.seconds_per_task

    def sentences(self) -> list[str]:
        return [
            f"{self.tasks} tasks × {self.raters} raters = {self.answers} answers; "
            f"at ${self.pay:.2f} each and Amazon's fee of ${self.fee:.3f}: ${self.total:.2f}.",
            f"At {self.seconds_per_task:g} seconds per task, raters earn "
            f"${self.hourly_wage:.2f} per hour (--pay, --seconds-per-task).",
        ]
