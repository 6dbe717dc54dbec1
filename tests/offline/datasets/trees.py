"""Small data sets in the layouts of the real ones; every subject and clip is invented."""

from pathlib import Path

import cv2
import numpy as np
import openpyxl

CASME2_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
)
SAMM_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Duration",
    "Micro",
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
    "Notes",
)
PICTURE = np.full((6, 8, 3), 127, np.uint8)


def write_xlsx(path, rows, empty_sheets=("Sheet2", "Sheet3")):
    """Write rows of cells to the first sheet of a workbook."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in empty_sheets:
        book.create_sheet(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    book.close()


def write_pictures(folder, names, picture=PICTURE):
    """Write the same small picture under several names."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {end: cv2.imencode(end, picture)[1].tobytes() for end in (".png", ".jpg", ".bmp")}
    for name in names:
        (folder / name).write_bytes(data[Path(name).suffix.strip() or ".png"])


def casme2_row(subject, clip, onset, apex, offset, emotion="happiness", units=12):
    return (subject, clip, None, onset, apex, offset, None, units, emotion)


def casme2_sheet(root, rows, name="CASME2-coding-20990101.xlsx"):
    write_xlsx(root / name, [CASME2_HEADER, *rows])


def casme2_pictures(root, subject, clip, first, last, kind="CASME2_RAW_selected", form="img{}.jpg"):
    folder = root / kind / f"sub{subject}" / clip
    write_pictures(folder, [form.format(n) for n in range(first, last + 1)])


def casme2(root):
    """Two clips of two people."""
    casme2_sheet(
        root,
        [
            casme2_row("01", "EP01_01", 10, 14, 20),
            casme2_row("02", "EP03_02f", 30, 34, 40, "disgust", "4+L10"),
        ],
    )
    casme2_pictures(root, "01", "EP01_01", 10, 20)
    casme2_pictures(root, "02", "EP03_02f", 30, 40)


def samm_row(subject, clip, onset, apex, offset, emotion="Anger", units="4+7", objective=3):
    duration = f"=SUM({offset}-{onset})+1"
    return (
        subject,
        clip,
        1,
        onset,
        apex,
        offset,
        duration,
        "Micro - 1/2",
        units,
        emotion,
        objective,
        None,
    )


def samm_sheet(root, rows, preamble=13):
    lines = [("Micro-expressions",)] * preamble
    write_xlsx(root / "SAMM_Micro_FACS_Codes_v9.xlsx", [*lines, SAMM_HEADER, *rows], ())


def samm_pictures(root, clip, first, last, form="{}_{:05d}.jpg"):
    subject = clip.split("_")[0]
    write_pictures(root / subject / clip, [form.format(subject, n) for n in range(first, last + 1)])


def samm(root):
    """Two clips of two people."""
    samm_sheet(
        root,
        [
            samm_row("006", "006_9_1", 5000, 5004, 5010),
            samm_row("040", "040_9_2", 70, 75, 80, "Other", "12 ", 7),
        ],
    )
    samm_pictures(root, "006_9_1", 5000, 5010)
    samm_pictures(root, "040_9_2", 70, 80)


def smic_clip(root, clip, first, last, camera="HS", form="image{:06d}.bmp"):
    emotion = {"ne": "negative", "po": "positive", "sur": "surprise"}[clip.split("_")[1]]
    folder = root / camera / clip.split("_")[0] / "micro" / emotion / clip
    write_pictures(folder, [form.format(n) for n in range(first, last + 1)])


def smic(root):
    """Three clips of two people."""
    smic_clip(root, "s1_ne_01", 103, 113)
    smic_clip(root, "s1_po_02", 300, 310)
    smic_clip(root, "s12_sur_01", 20, 30)
