"""The figure of milliseconds."""

from benchmarks import plot
from benchmarks._results import Run
from benchmarks._summary import answers
from tests.benchmarks._races import ABOUT, measurement


def test_plot_has_a_panel_per_size_and_the_faster_layout() -> None:
    records = [
        measurement(name, median, mode, size)
        for size in ("8x256x256", "1x64x64")
        for mode in ("value", "value_and_grad")
        for name, median in {"jaxloss": 1.0, "piq": 9.0, "piq (channels last)": 7.0, "floor": 0.5}.items()
    ]
    found = answers([Run(ABOUT, records)])
    assert plot.library_times(found, "1x64x64") == {"jaxloss": (1.0, 1.0), "piq": (7.0, 7.0)}
    axes = plot.draw("ssim", found).axes
    assert [axis.get_title("left") for axis in axes] == ["8 × 256 × 256 × 3", "1 × 64 × 64 × 3"]
    assert axes[0].get_title("right") == "7.0× and 7.0× as fast as the fastest peer"
