"""The workload that docs/workloads.md has newcomers write."""

import re
import shutil
from pathlib import Path

from lab import description


def test_the_example_is_ten_lines_without_a_fault(repo: Path, tmp_path: Path) -> None:
    cloud = shutil.copytree(repo / "pillar" / "cloud", tmp_path / "cloud")
    page = (repo / "docs" / "workloads.md").read_text("utf-8")
    found = re.search(r"```yaml\n# pillar/cloud/(\S+)\n(.*?)```", page, re.DOTALL)
    assert found is not None
    assert len(found[2].splitlines()) == 10
    (cloud / found[1]).write_text(found[2], "utf-8")
    made = description.cloud_of(cloud).common
    hello = made.workloads["hello"]
    image = made.container_images[hello.image].build
    assert image is not None
    assert hello.args[0] in image.packages
    assert f"{hello.args[-1]}/index.html" in image.files
    assert hello.publish[0].published == int(hello.args[4])
