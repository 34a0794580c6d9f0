"""An image-editing model behind an OpenAI-compatible API: `endpoint:MODEL`."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from PIL import Image
from pydantic import AfterValidator, BeforeValidator, Field

from egoactgen_baselines.pipelines.pipeline_options import Template
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.endpoints.endpoint_options import NOT_SEMANTIC, EndpointOptions, make_client
from egoactgen_bench.endpoints.image_edits import LARGEST_IMAGE_REPLY, edit_image
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.reply_costs import Prices
from egoactgen_bench.endpoints.reply_records import ReplyTally, endpoint_record, expected_cost
from egoactgen_bench.endpoints.request_threads import in_threads
from egoactgen_bench.endpoints.uploads import require_upload
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import parse_json, sha256_bytes
from egoactgen_bench.support.images import resize

OURS = ("model", "prompt", "n", "image", "image[]", "size", "stream")  # set by the method itself
SEEDS = 1 << 31  # servers take a signed 32-bit integer


def _as_parameters(value: Any) -> Any:
    """Accept a JSON object as text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        raise ValueError('give a JSON object, such as {"quality": "low"}') from None


def _checked_parameters(value: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(value.keys() & set(OURS)):
        raise ValueError(f"the method itself sets {', '.join(taken)}")
    return value


class EndpointMethodOptions(EndpointOptions):
    """What an image-editing model is asked, and how its endpoint is called."""

    prompt: Literal["action", "description"] = Field("action", description="text of the prompt")
    template: Template | None = Field(
        None, description='text of the prompt, such as "{action}, first-person view"'
    )
    size: str | None = Field(
        None,
        pattern=r"^(auto|[1-9]\d{1,4}x[1-9]\d{1,4})$",
        description="size to generate, such as 1536x1024 (default: the server's)",
    )
    extra: Annotated[
        dict[str, Any], BeforeValidator(_as_parameters), AfterValidator(_checked_parameters)
    ] = Field(
        default_factory=dict,
        description='further parameters of the API, as a JSON object: {"quality": "low"}',
    )
    send_seed: bool = Field(
        False, description="send each sample's seed as the parameter seed; OpenAI rejects it"
    )
    price_image: float | None = Field(None, ge=0, description="price of an image")

    @property
    def prices(self) -> Prices:
        return Prices(self.price_in, self.price_out, self.price_image)


class Endpoint(Method[EndpointMethodOptions]):
    """An image-editing model behind an OpenAI-compatible API: endpoint:MODEL.

    For OpenAI's image models, and for models served by vLLM-Omni or SGLang. The frame is sent as
    stored; the image is resized to the frame's size. Replies are kept in the workspace's cache, so
    that a repeated or resumed run requests none again; the seed does not determine an image.
    """

    Options = EndpointMethodOptions
    takes_argument = True
    uses_device = False
    default_batch_size = 8
    packages = ("openai", "pillow")
    reproducible = False
    non_semantic_options = NOT_SEMANTIC

    def __init__(self, options: EndpointMethodOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.model = context.argument or ""
        if "{description}" in self._template and not context.described:
            raise BenchError("The prompt needs descriptions: give --descriptions NAME.")
        self.client = make_client(self.model, options, context.cache, LARGEST_IMAGE_REPLY)
        require_upload(self.client.address, context.licence, context.allow_upload)
        self._tally = ReplyTally(self.client.address.host)

    def call_record(self) -> dict[str, Any]:
        return {"input": "the frame as stored, as PNG"}

    def sources(self) -> dict[str, str]:
        # The whole name, of which the run's name may contain a part only.
        return {"model": sha256_bytes(self.model.encode())}

    def prompt(self, request: Request) -> str:
        if "{description}" in self._template and not request.description:
            return ""
        return self._template.format(action=request.action, description=request.description)

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return in_threads(self._edit, requests, self.options.concurrency)

    def _edit(self, request: Request) -> Image.Image | SampleError:
        text = self.prompt(request)
        if not text:
            return SampleError("missing_description", "this sample has no description")
        size = {"size": self.options.size} if self.options.size else {}
        seed = {"seed": request.seed % SEEDS} if self.options.send_seed else {}
        try:
            edited = edit_image(
                self.client,
                [InputImage(request.input)],
                text,
                parameters=self.options.extra | size | seed,
                # So that another seed of the run gives another image, from another request.
                draw=request.seed,
            )
        except SampleError as error:
            return error
        width, height = edited.image.size
        self._tally.add(request.sample_id, edited.usage, edited.model, f"{width}x{height}")
        return resize(edited.image, request.input.size)

    def batch_record(self) -> dict[str, Any]:
        return self._tally.take()

    def run_record(self, batches: list[dict[str, Any]]) -> dict[str, Any]:
        record = endpoint_record(self.model, batches, self.options.prices)
        return {"endpoint": record.model_dump(mode="json")}

    def cost_estimate(self, images: int, earlier: dict[str, Any] | None) -> str:
        before = (earlier or {}).get("endpoint")
        cost = expected_cost(images, 1, self.options.prices, before)
        return (
            f"Up to {images} requests to {self.client.address.host}, {cost}; replies that were "
            "kept are not requested again."
        )

    def notices(self) -> list[str]:
        budget = self.client.budget
        spent = f", which cost {budget.spent:.4f}" if self.options.prices.known else ""
        return [
            f"note: {budget.requests} requests were sent to {self.client.address.host}{spent}; "
            "images are repeated from the kept replies, and are not reproducible by the seed."
        ]

    @property
    def _template(self) -> str:
        return self.options.template or f"{{{self.options.prompt}}}"
