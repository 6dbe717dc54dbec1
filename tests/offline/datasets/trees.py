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


def write_sheets(path, sheets):
    """Write several sheets of rows to one workbook."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
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


CASME_HEADER = (
    "Subject",
    "Filename",
    None,
    "OnsetF",
    "ApexF1",
    "ApexF2",
    "OffsetF",
    None,
    "AU",
    "Emotion",
)
MMEW_HEADER = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
    "remarks",
)
CASME3_HEADER = (
    "Subject",
    "Filename",
    "Onset",
    "Apex",
    "Offset",
    "AU",
    "Objective class",
    "emotion",
)
FOURDME_HEADER = (
    "sub_ID",
    "fold_name",
    "Emotion",
    "Onset",
    "Apex",
    "Offset",
    "AUs",
    "AU1",
    "AU2",
    "Positive",
    "Negative",
    "Surprise",
    "Repression",
    "Others",
    "Total",
    "eye blink",
    "fold",
)


def casme_row(subject, clip, onset, apex, offset, emotion="tense", second=None, units="4"):
    return (subject, clip, None, onset, apex, second, offset, None, units, emotion)


def casme_sheet(root, rows, name="CASME_SectionA.xlsx"):
    write_xlsx(root / name, [CASME_HEADER, *rows])


def casme_pictures(root, subject, clip, first, last, kind="CASME_raw_selected", form="{}-{}.jpg"):
    folder = root / kind / f"sub{subject}" / clip
    write_pictures(folder, [form.format(clip, n) for n in range(first, last + 1)])


def casme(root):
    """Two clips of two people, one in either section."""
    casme_sheet(root, [casme_row(1, "EP71_5", 8, 10, 12)])
    casme_sheet(root, [casme_row(20, "EP72_1", 98, 100, 103, "disgust")], "CASME_SectionB.xlsx")
    casme_pictures(root, "01", "EP71_5", 8, 12)
    casme_pictures(root, "20", "EP72_1", 98, 103, form="{}-{:03d}.jpg")


def mmew_row(subject, clip, onset, apex, offset, emotion="happiness", units="12"):
    return (subject, clip, onset, apex, offset, units, emotion, None)


def mmew_sheet(root, rows):
    write_xlsx(root / "MMEW_Micro_Exp.xlsx", [MMEW_HEADER, *rows], ())


def mmew_pictures(folder, first, last):
    write_pictures(folder, [f"{n}.jpg" for n in range(first, last + 1)])


def mmew(root):
    """Two clips of two people."""
    rows = [
        mmew_row("S81", "S81-01-901", 1, 9, 12),
        mmew_row("S82", "S82-07-902", 3, 5, 11, "others", "R4+7"),
    ]
    mmew_sheet(root, rows)
    mmew_pictures(root / "Micro_Expression/happiness/S81-01-901", 1, 12)
    mmew_pictures(root / "Micro_Expression/repression/S82-07-902", 1, 14)


def casme3_row(subject, clip, onset, apex, offset, emotion="disgust", units="4", objective="III"):
    return (subject, clip, onset, apex, offset, units, objective, emotion)


def casme3_sheet(root, rows, name="cas(me)3_part_A_ME_label_JpgIndex_v9.xlsx"):
    write_xlsx(root / name, [CASME3_HEADER, *rows], ("Sheet1", "Sheet3"))


def casme3_clip(root, name, first, last, kind="frame"):
    folder = root / "Part_A_ME_clip" / kind / name
    write_pictures(folder, [f"{n}.jpg" for n in range(first, last + 1)])


def casme3_recording(root, subject, clip, first, last, without=()):
    numbers = [n for n in range(first, last + 1) if n not in without]
    write_pictures(root / "part_A" / subject / clip / "color", [f"{n}.jpg" for n in numbers])
    write_pictures(root / "part_A" / subject / clip / "depth", [f"{n}.png" for n in numbers])


def casme3(root):
    """Three clips of two people, two of them from one recording."""
    rows = [
        casme3_row("spNO.901", "a", 30, 33, 36),
        casme3_row("spNO.901", "a", 50, 53, 60, "Others", "R12+4", "VII"),
        casme3_row("spNO.902", "J", 70, 75, 80, "surprise", 2, "II"),
    ]
    casme3_sheet(root, rows)
    casme3_clip(root, "spNO.901_a_30", 30, 36)
    casme3_clip(root, "spNo.901_a_50", 50, 60)
    casme3_clip(root, "spNO.902_j_70", 70, 80)


def fourdme_row(subject, clip, onset, apex, offset, emotion="Positive", units="AU12"):
    return (subject, clip, emotion, onset, apex, offset, units, *[0] * 7, 1, 0, 1)


def fourdme_sheet(root, rows):
    write_xlsx(root / "4DME_Labelling_Micro_release v9.xlsx", [FOURDME_HEADER, *rows], ())


def fourdme_pictures(root, subject, clip, first, last, kind="gray_micro"):
    write_pictures(root / kind / subject / clip, [f"{n}.jpg" for n in range(first, last + 1)])


def fourdme(root):
    """Two clips of two people."""
    rows = [
        fourdme_row("S81", "S81_9th_001_01_1", 100.0, 104.0, 110.0),
        fourdme_row("S82", "S82_9th_002_01_1", 7, 9, 14, "Surprise+Positive", "AU1+AU2+AU4(k)"),
    ]
    fourdme_sheet(root, rows)
    fourdme_pictures(root, "S81", "S81_9th_001_01_1", 100, 110)
    fourdme_pictures(root, "S82", "S82_9th_002_01_1", 7, 14)
