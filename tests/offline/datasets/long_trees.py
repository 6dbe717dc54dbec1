"""Small spotting data sets in the layouts of the real ones; every row is invented."""

import openpyxl

from tests.offline.datasets.trees import write_pictures

SAMM_LV_HEADER = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset",
    "Apex",
    "Offset",
    "Duration",
    "Type",
    "Action Units",
    "Notes",
)
SMIC_E_HEADER = (
    "Subject", "Filename", "Emotion", "OnsetF", "OffsetF", None, None, "Total", None, None,
    "FirstF", "LastF", "Duration",
)  # fmt: skip
LIST_HEADER = "subject,video_name,start_frame,apex_frame,end_frame,type_idx,au\n"


def write_book(path, sheets):
    """Write a workbook: title of the sheet → rows of cells."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    book.close()


def casme_sq_row(subject, film, onset, apex, offset, kind="micro", emotion="positive", units="12"):
    return (subject, film, onset, apex, offset, units, emotion, f"{kind}-expression", "happiness")


def casme_sq_sheet(root, rows, name="CAS(ME)^2code_final.xlsx", films=None):
    """Subject 1 is s15, 2 is s16 and so on; films as the naming rules have them."""
    films = films or [("0101", "disgust1"), ("0401", "anger1"), (502, "happy2")]
    write_book(
        root / name,
        {
            "CASFEcode_final": rows,
            "naming rule1": [(number, f"s{number + 14}", number) for number in range(1, 25)],
            "naming rule2": films,
        },
    )


def casme_sq_video(root, folder, last, tree="rawpic", form="img{:03d}.jpg"):
    place = root / tree / f"s{folder[:2]}" / folder
    write_pictures(place, [form.format(n) for n in range(1, last + 1)])
    return place


def casme_sq(root):
    """Two subjects, three videos, one of them without annotation."""
    casme_sq_sheet(
        root,
        [
            casme_sq_row(1, "disgust1_1", 10, 14, 20, "micro", "negative", "4+L10"),
            casme_sq_row(1, "disgust1_2", 31, 40, 55, "macro", "negative"),
            casme_sq_row(2, "happy2_1", 5, 9, 0, "macro"),
        ],
    )
    casme_sq_video(root, "15_0101disgustingteeth", 60)
    casme_sq_video(root, "16_0502funnyerrors", 40)
    casme_sq_video(root, "16_0401girlcrashing", 30)


def samm_lv_row(name, onset, apex, offset, kind="Micro - 1/2", units="4+7", subject=None):
    subject = name.split("_")[0] if subject is None else subject
    return (subject, name, 1, onset, apex, offset, offset - onset + 1, kind, units, None)


def samm_lv_sheet(root, rows, name="SAMM_LongVideos_V9_Release.xlsx", preamble=9, header=None):
    lines = [("Long videos",)] * preamble
    write_book(root / name, {"FACS_Movement_Only": [*lines, header or SAMM_LV_HEADER, *rows]})


def samm_lv_video(root, video, last, first=1):
    names = [f"{video}_{n:04d}.jpg" for n in range(first, last + 1)]
    write_pictures(root / "SAMM_longvideos" / video, names)


def samm_lv(root):
    """Two subjects, three videos, one of them without annotation."""
    samm_lv_sheet(
        root,
        [
            samm_lv_row("006_9_1", 10, 30, 140, "Macro", "4(B/C)+7B"),
            samm_lv_row("006_9_2", 50, 60, 90),
            samm_lv_row("040_8_1", 20, -1, 60),
        ],
    )
    samm_lv_video(root, "006_9", 150)
    samm_lv_video(root, "040_8", 80)
    samm_lv_video(root, "040_7", 20)


def smic_e_row(clip, onset, offset, first, second=(None, None), emotion="negative"):
    subject = int(clip.split("_")[0].strip("s"))
    total = offset - onset + 1
    return (subject, clip, emotion, onset, offset, *second, total, None, None, first, None, 1.0)


def smic_e_sheet(root, rows, name="SMIC-HS-E_annotation.xlsx", header=SMIC_E_HEADER):
    footer = [(None,) * 3, ("The frame numbers are those of the pictures.",)]
    write_book(root / "HS_long" / name, {"Sheet1": [header, *rows, *footer]})


def smic_e_video(root, clip, first, last, tree="HS_long/SMIC-HS-E", form="image{:06d}.jpg"):
    subject = f"s{int(clip.split('_')[0].strip('s')):02d}"
    write_pictures(root / tree / subject / clip, [form.format(n) for n in range(first, last + 1)])


def smic_e(root):
    """Two clips with three micro-expressions."""
    smic_e_sheet(
        root,
        [smic_e_row("s1_ne_01", 120, 140, 103, (160, 171)), smic_e_row("s12_sur_02", 40, 60, 21)],
    )
    smic_e_video(root, "s1_ne_01", 103, 180)
    smic_e_video(root, "s12_sur_02", 21, 90)
