import cv2
import numpy as np
import pytest

from offline.explain.overlays import apex_step, frame_of, jpeg, on_crop, outline, painted, sheet
from realtime_mer import recipes
from realtime_mer.candidate_frames import CandidateFrames
from realtime_mer.face.topology import CROP, canonical_crop_xy


def hottest(crop):
    rows, columns = np.nonzero(crop >= 0.999 * crop.max())
    return rows.mean(), columns.mean()


@pytest.mark.parametrize("cell", [(2, 3), (14, 14), (25, 20)])
@pytest.mark.parametrize("recipe", ["onset_apex_flow", "onset_apex_strain"])
def test_a_hot_cell_of_a_flow_map_lies_where_the_recipe_read_it(recipe, cell):
    places = np.zeros((28, 28), np.float32)
    places[cell] = 1
    at = hottest(on_crop(places, frame_of(recipe, (2, 28, 28))))
    # The other way round: a spot there on the crop comes out in that cell.
    crop = np.zeros((CROP, CROP), np.float32)
    crop[round(at[0]) - 2 : round(at[0]) + 3, round(at[1]) - 2 : round(at[1]) + 3] = 1
    seen = recipes._framed(crop)
    assert np.unravel_index(seen.argmax(), seen.shape) == cell
    rows, columns = (seen * np.arange(28)[:, None]).sum(), (seen * np.arange(28)).sum()
    assert (rows / seen.sum(), columns / seen.sum()) == pytest.approx(cell, abs=0.25)  # 2 px


@pytest.mark.parametrize("place", [(10, 300), (160, 160)])
def test_a_picture_of_the_crop_is_the_crop(place):
    places = np.zeros((CROP, CROP), np.float32)
    places[place] = 1
    assert hottest(on_crop(places, frame_of("ars", (3, CROP, CROP)))) == place


@pytest.mark.parametrize("recipe", ["face_sequence", "tim9_faces", "face_apex", "face_frames11"])
@pytest.mark.parametrize("at", [(110, 130), (190, 180)])
def test_a_recipe_of_pictures_is_laid_back_where_it_was_cut(recipe, at):
    crops = np.full((12, CROP, CROP, 3), 40, np.uint8)
    crops[:, at[0] - 3 : at[0] + 4, at[1] - 3 : at[1] + 4] = 250
    frames = CandidateFrames(crops, np.arange(12) / 30, 0, 6, 11)
    made = recipes.recipe(recipe)(frames)
    seen = made.reshape(-1, *made.shape[-2:])[0]
    bright = on_crop(seen - np.median(seen), frame_of(recipe, made.shape))
    rows, columns = np.nonzero(bright > bright.max() / 2)
    assert (rows.mean(), columns.mean()) == pytest.approx(at, abs=1)


def test_heat_is_painted_where_it_is_and_nowhere_else():
    heat = np.zeros((CROP, CROP), np.float32)
    heat[100:120, 200:220] = 2
    face = outline()
    found = painted(face, heat, 2)
    changed = (found != face).any(2)
    assert changed[100:120, 200:220].all()
    assert changed.sum() == 400
    np.testing.assert_array_equal(painted(face, heat, 0), face)


def test_the_outline_is_a_face():
    face = outline()
    right, left = canonical_crop_xy()[[33, 263]].round().astype(int)
    assert face[right[1] - 2 : right[1] + 3, right[0] - 2 : right[0] + 3].min() < 200
    assert face[left[1] - 2 : left[1] + 3, left[0] - 2 : left[0] + 3].min() < 200
    assert (face == 250).mean() > 0.9


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7])
def test_the_sheet_shows_all_classes(count):
    names = [f"class {n}" for n in range(count)]
    heats = [np.zeros((CROP, CROP), np.float32) for _ in names]
    heats[1][50, 60] = 1
    picture = sheet(outline(), heats, names, [1 / count] * count, 1)
    assert picture.shape[0] >= CROP
    assert (picture[50, 60] != outline()[50, 60]).any()
    assert cv2.imdecode(np.frombuffer(jpeg(picture), np.uint8), cv2.IMREAD_COLOR) is not None


@pytest.mark.parametrize(("apex", "step"), [(1, 0), (6, 4), (11, 8)])
def test_the_step_nearest_to_the_apex(apex, step):
    crops = np.zeros((12, CROP, CROP, 3), np.uint8)
    frames = CandidateFrames(crops, np.arange(12) / 100, 0, apex, 11)
    sample = np.ones((9, 1, 4, 4), np.float32)
    assert apex_step(frames, sample, "tim9_faces", 9) == pytest.approx(step, abs=1)
    sample[5:] = 0
    assert apex_step(frames, sample, "tim9_faces", 9) <= 4
