import subprocess
import sys

ORPHANS = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from offline.worker_life import end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, get_context("spawn"), end_with_parent)
    pids = {pool.submit(os.getpid).result() for _ in range(4)}
    print(len(pids), flush=True)
    time.sleep(600)
"""


def test_workers_end_when_their_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert int(parent.stdout.readline()) >= 1
    parent.kill()
    parent.communicate(timeout=60)  # waits for all who hold the pipe, so for the workers too
