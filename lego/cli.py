"""`bench lego`: the stages around the visual large language model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import DebugOption, WorkspaceOption, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.records import is_safe_id
from lego.cli_tune import tune

if TYPE_CHECKING:
    from lego.curation.chat import Chat
    from lego.curation.curate import Curated
    from lego.curation.replies import Replies
    from lego.vllm.parts import Outcome
    from lego.vllm.work import Engine


SplitOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Default: the latest finished one that is not train."),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        metavar="PATH|NAME",
        help="A LLaVA in transformers' form: a path, or a name in the workspace's models/.",
    ),
]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1)]
DeviceOption = Annotated[
    str, typer.Option(help="auto (CUDA if there is one, else the CPU), cpu, cuda, cuda:1 …")
]
DtypeOption = Annotated[str, typer.Option(help="float32, float16 or bfloat16.")]
LimitOption = Annotated[
    int | None, typer.Option(min=1, help="Only the first samples of the split.")
]
ShardOption = Annotated[
    str, typer.Option(metavar="I/N", help="Only part I (1 … N) of N; the last one completes.")
]
LayoutOption = Annotated[
    str, typer.Option("--features-layout", help="Of the saved features: safetensors or npy.")
]
FeaturesDtypeOption = Annotated[
    str, typer.Option("--features-dtype", help="float16, or bfloat16 (safetensors only).")
]
QuestionOption = Annotated[
    str | None,
    typer.Option(help="What the VLLM is asked; {} stands for the label. Default: the authors'."),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Start anew.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands to the program."""
    lego = typer.Typer(
        no_args_is_help=True, help="LEGO's language stages: curate, tune, enrich, embed."
    )
    for command in (curate, tune, enrich, embed):
        lego.command()(command)
    app.add_typer(lego, name="lego")


def curate(
    split: SplitOption = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Hands and objects: Ego4D's fho_main.json, a folder of EPIC's hand-object "
            "detections or VISOR files, or JSON by sample id. Samples without are left out.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(envvar="OPENAI_MODEL", help="The endpoint's name of the model.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", envvar="OPENAI_BASE_URL", help="Any OpenAI-compatible endpoint."
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            envvar="OPENAI_API_KEY",
            show_default=False,
            help="Its key: set the environment variable, since others can see options.",
        ),
    ] = "none",
    local: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask a chat model in this transformers folder instead."),
    ] = None,
    device: Annotated[str, typer.Option(help="Of a local model: auto, cpu, cuda …")] = "auto",
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Default: the endpoint's own.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of a reply (local: 512).")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 8,
    attempts: Annotated[int, typer.Option(min=1, help="Replies to a sample at most.")] = 3,
    retries: Annotated[
        int, typer.Option(min=0, help="Of a request that fails, waiting longer each time.")
    ] = 6,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds of one request.")] = 60.0,
    price_in: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens that the model reads.")
    ] = 0.0,
    price_out: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens that it writes.")
    ] = 0.0,
    examples: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Worked examples (default: 8 of ours).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws each sample's question template.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first samples of the split.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the data set made.")] = "curated",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: the split's instructions/NAME/.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew.")] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Ask a language model how each action is done, and write LLaVA's instruction data."""
    from egoactgen_bench.splits import load_split
    from lego.curation import asking
    from lego.curation.chat import Endpoint, Local
    from lego.curation.curate import curate

    _check_name(name)
    if (model is None) == (local is None):
        raise BenchError("Name either --model of an endpoint or --local DIR.")
    chat: Chat
    if local is not None:
        chat, concurrency = Local(local, device, max_tokens or 512), 1
    else:
        chat = Endpoint(model or "", base_url, key, retries, timeout, temperature, max_tokens)
    place = current_workspace()
    loaded = load_split(place.find_split(split))
    done = curate(
        loaded,
        out or loaded.folder / "instructions" / name,
        chat,
        boxes=boxes,
        examples=examples or asking.EXAMPLES,
        seed=seed,
        limit=limit,
        concurrency=concurrency,
        attempts=attempts,
        overwrite=overwrite,
        progress=_Progress(price_in, price_out),
    )
    return _report(done, price_in, price_out)


class _Progress:
    """A line on stderr that counts replies, tokens and cost, where that is a terminal."""

    def __init__(self, price_in: float, price_out: float) -> None:
        self.prices = price_in, price_out

    def __call__(self, replies: "Replies", left: int) -> None:
        import sys

        if sys.stderr.isatty():
            spent = _spent(*replies.tokens(), *self.prices)
            typer.echo(
                f"\r{len(replies.rows)} replies, {left} samples left, {spent} ", nl=False, err=True
            )


def _spent(tokens_in: int, tokens_out: int, price_in: float, price_out: float) -> str:
    text = f"{tokens_in} tokens in, {tokens_out} out"
    if price_in or price_out:
        text += f", cost {(tokens_in * price_in + tokens_out * price_out) / 1e6:.4f}"
    return text


def _report(done: "Curated", price_in: float, price_out: float) -> int:
    for row in done.lacking:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    manifest = done.manifest
    replies = ", ".join(f"{count} {status}" for status, count in manifest["replies"].items())
    tokens = manifest["tokens"]
    spent = _spent(tokens["in"], tokens["out"], price_in, price_out)
    counts = manifest["counts"]
    typer.echo(f"Replies: {replies or 'none'}; {spent}.")
    typer.echo(f"{counts['described']} of {counts['samples']} samples described in {done.folder}")
    return EXIT_PARTIAL if done.lacking else EXIT_DONE


def enrich(
    weights: WeightsOption,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the descriptions.")] = "vllm",
    split: SplitOption = None,
    temperature: Annotated[float, typer.Option(min=0, help="0: greedy.")] = 0.2,
    top_k: Annotated[int, typer.Option(min=1, help="Draw from so many likeliest words.")] = 50,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 1024,
    seed: Annotated[int, typer.Option(help="Each sample's seed derives from it and its id.")] = 0,
    question: QuestionOption = None,
    features: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save H_i and H_t too, for `bench run -o features=DIR`."),
    ] = None,
    features_layout: LayoutOption = "safetensors",
    features_dtype: FeaturesDtypeOption = "float16",
    batch_size: BatchOption = 4,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    limit: LimitOption = None,
    shard: ShardOption = "1/1",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Describe how the action of each sample is done, from its frame and its label."""
    from lego.features import FeatureWriter
    from lego.vllm.enrich import enrich
    from lego.vllm.generating import Sampling

    _check_name(name)
    engine = _engine(weights, split, batch_size, device, dtype, limit, shard)
    writer = FeatureWriter(features, features_layout, features_dtype) if features else None
    done = enrich(
        engine,
        name,
        sampling=Sampling(temperature, top_k, max_new_tokens),
        question=_question(question),
        seed=seed,
        features=writer,
        overwrite=overwrite,
        progress=True,
    )
    return _outcome(done, "described", engine.split.folder / "descriptions" / f"{name}.csv", shard)


def embed(
    weights: WeightsOption,
    descriptions: Annotated[
        str, typer.Option(metavar="NAME", help="Of the split's descriptions/.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where `bench run -o features=DIR` finds them.")
    ],
    split: SplitOption = None,
    question: QuestionOption = None,
    features_layout: LayoutOption = "safetensors",
    features_dtype: FeaturesDtypeOption = "float16",
    batch_size: BatchOption = 4,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    limit: LimitOption = None,
    shard: ShardOption = "1/1",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Save a VLLM's features of each sample: of its frame, and of a description that is there."""
    from egoactgen_bench.descriptions import load_descriptions
    from lego.features import FeatureWriter
    from lego.vllm.embed import embed

    engine = _engine(weights, split, batch_size, device, dtype, limit, shard)
    done = embed(
        engine,
        load_descriptions(engine.split.folder, descriptions),
        FeatureWriter(out, features_layout, features_dtype),
        question=_question(question),
        overwrite=overwrite,
        progress=True,
    )
    return _outcome(done, "embedded", out, shard)


def _engine(
    weights: str,
    split: str | None,
    batch_size: int,
    device: str,
    dtype: str,
    limit: int | None,
    shard: str,
) -> "Engine":
    from egoactgen_bench.splits import load_split
    from lego.vllm.work import Engine, find_weights

    place = current_workspace()
    return Engine(
        load_split(place.find_split(split)),
        find_weights(weights, place.models),
        batch_size,
        device,
        dtype,
        limit,
        shard,
    )


def _question(question: str | None) -> str:
    from lego.vllm.prompting import QUESTION

    if question is not None and question.count("{}") != 1:
        raise BenchError("--question needs one {}, where the action's label goes.")
    return question or QUESTION


def _outcome(done: "Outcome", what: str, place: Path, shard: str) -> int:
    for row in done.failed:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    if done.manifest is None:
        typer.echo(f"Shard {shard} is done; the last one to finish completes {place}")
    else:
        counts = done.manifest["counts"]
        if counts.get("cut_off"):
            typer.echo(f"note: {counts['cut_off']} descriptions do not end within the length.")
        typer.echo(f"{counts[what]} of {counts['samples']} samples {what} in {place}")
    return EXIT_PARTIAL if done.failed else EXIT_DONE


def _check_name(name: str) -> None:
    if not is_safe_id(name):
        raise BenchError(f"--name '{name}' is no safe file name: letters, digits, '.', '_', '-'.")
