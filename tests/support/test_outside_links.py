"""Links that lead out of a folder, which nothing may be written through."""

import shutil

import pytest

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.outside_links import refuse_outside_links


@pytest.mark.parametrize("name", ["link", ".hidden", "frames/link", "a/b/c/link.png", "a\\b"])
@pytest.mark.parametrize("target", ["elsewhere", "missing", "elsewhere/file"])
def test_a_link_that_leads_out_is_refused_at_any_depth(tmp_path, name, target):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    link = tmp_path / "folder" / name
    link.parent.mkdir(parents=True)
    refuse_outside_links(tmp_path / "folder")
    link.symlink_to(tmp_path / target)
    with pytest.raises(BenchError):
        refuse_outside_links(tmp_path / "folder")


def test_the_message_names_link_and_folder(tmp_path):
    (tmp_path / "folder/frames").mkdir(parents=True)
    link = tmp_path / "folder/frames/s0"
    link.symlink_to("../..")
    with pytest.raises(BenchError) as caught:
        refuse_outside_links(tmp_path / "folder")
    assert str(caught.value).startswith(f"{link} is a link that leads out of {tmp_path}/folder: ")


def test_other_links_are_allowed(tmp_path):
    refuse_outside_links(tmp_path / "missing")
    (tmp_path / "folder/a").mkdir(parents=True)
    (tmp_path / "folder/b").symlink_to("a")
    (tmp_path / "folder/a/up").symlink_to("..")  # is not followed for ever
    refuse_outside_links(tmp_path / "folder")
    shutil.move(tmp_path / "folder", tmp_path / "moved")
    (tmp_path / "folder").symlink_to("moved")
    refuse_outside_links(tmp_path / "folder")
