import os
import subprocess
import sys

CODE = """
from realtime_mer.face import patches, similarity
from realtime_mer.warmup import warm_up
compiled = lambda: [
    len(kernel.signatures)
    for module in (patches, similarity)
    for kernel in vars(module).values()
    if hasattr(kernel, "signatures")
]
assert sum(compiled()) == 0
warm_up()
first = compiled()
assert sum(n > 0 for n in first) >= 2, first
warm_up(lambda: print("waited"))
assert compiled() == first
"""


def test_the_kernels_of_the_face_are_compiled_once():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
