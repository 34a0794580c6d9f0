"""Tiny random image-to-video pipelines: `BUILDERS[name]()` gives one to save."""

import tiny_cosmos_models
import tiny_hunyuan_models
import tiny_ltx_models
import tiny_other_videos
import tiny_wan_models

BUILDERS = {
    **tiny_cosmos_models.BUILDERS,
    **tiny_hunyuan_models.BUILDERS,
    **tiny_ltx_models.BUILDERS,
    **tiny_other_videos.BUILDERS,
    **tiny_wan_models.BUILDERS,
}
