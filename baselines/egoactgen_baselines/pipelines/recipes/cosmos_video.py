"""NVIDIA Cosmos: world models that continue an image."""

from egoactgen_baselines.pipelines.call_recipe import ByArea, CallRecipe, Video

# Their pipelines load it on their own, and do not work without.
GUARDRAIL = ("cosmos_guardrail",)
GUARDRAIL_NOTE = "The licence requires NVIDIA's guardrail: pip install cosmos_guardrail."
SIZE = ByArea(704 * 1280)

# Without a negative prompt, the first three use NVIDIA's.
RECIPES = (
    CallRecipe(
        name="cosmos-1-video2world",
        pipelines=("CosmosVideoToWorldPipeline",),
        source="pipeline_cosmos_video2world.py of diffusers 0.42",
        packages=GUARDRAIL,
        size=SIZE,
        video=Video(frames=121, rate=30, multiple=8, rate_argument="fps"),
        note=GUARDRAIL_NOTE,
    ),
    CallRecipe(
        name="cosmos-2-video2world",
        pipelines=("Cosmos2VideoToWorldPipeline",),
        source="pipeline_cosmos2_video2world.py of diffusers 0.42",
        packages=GUARDRAIL,
        size=SIZE,
        video=Video(frames=93, rate=16, rate_argument="fps"),
        note=GUARDRAIL_NOTE,
    ),
    CallRecipe(
        name="cosmos-2.5-predict",
        pipelines=("Cosmos2_5_PredictBasePipeline",),
        source="documentation of diffusers: Cosmos-Predict2.5",
        packages=GUARDRAIL,
        size=SIZE,
        video=Video(frames=93, rate=16),
        note=GUARDRAIL_NOTE,
    ),
    *(
        CallRecipe(
            name=name,
            pipelines=("Cosmos3OmniPipeline",),
            when=when,
            source="documentation of diffusers: Cosmos3",
            packages=packages,
            defaults={"negative_prompt": "", "guidance_scale": 6.0},
            size=ByArea(720 * 1280),
            video=Video(frames=189, rate=24, rate_argument="fps", output="video"),
            note="Its authors rewrite prompts into long JSON descriptions; this does not.",
        )
        for name, when, packages in (
            ("cosmos-3-unchecked", {"enable_safety_checker": False}, ()),
            ("cosmos-3", {}, GUARDRAIL),
        )
    ),
)
