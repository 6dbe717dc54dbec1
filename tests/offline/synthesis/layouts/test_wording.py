import numpy as np
import pytest

from offline.synthesis.clip_spec import MicroExpression
from offline.synthesis.layouts import casme, casme2, casme3, fourdme, mmew, samm
from offline.synthesis.layouts.wording import scored_text, unit_cell, unit_text, word_for

BOTH = (0.03, 0.03)


def expression(label="negative", **units):
    triples = tuple((int(name[2:]), *sides) for name, sides in units.items())
    return MicroExpression(0.0, 0.1, 0.2, label, triples, 0.03)


def negative(*units):
    return expression("negative", **{f"au{unit}": BOTH for unit in units})


@pytest.mark.parametrize(
    ("rules", "units", "word"),
    [
        (casme2.NEGATIVE, (4, 9), "disgust"),
        (casme2.NEGATIVE, (10,), "disgust"),
        (casme2.NEGATIVE, (15, 17), "repression"),
        (casme2.NEGATIVE, (1, 4), "sadness"),
        (casme2.NEGATIVE, (1, 2, 4, 20), "fear"),
        (casme2.NEGATIVE, (14,), "others"),
        (samm.NEGATIVE, (4, 7), "Anger"),
        (samm.NEGATIVE, (14,), "Contempt"),
        (samm.NEGATIVE, (9,), "Disgust"),
        (samm.NEGATIVE, (1, 4, 15), "Sadness"),
        (samm.NEGATIVE, (17,), "Other"),
        (casme.NEGATIVE, (4,), "tense"),
        (casme.NEGATIVE, (14,), "contempt"),
        (casme3.NEGATIVE, (15,), "sad"),
        (mmew.NEGATIVE, (24,), "others"),
        (fourdme.NEGATIVE, (17,), "Repression"),
        (fourdme.NEGATIVE, (4, 7), "Negative"),
    ],
)
def test_negative_expressions_are_called_by_their_units(rules, units, word):
    assert word_for(negative(*units), rules) == word


def test_the_rest_is_called_by_its_label():
    smile, raised = expression("positive", au12=BOTH), expression("surprise", au1=BOTH)
    assert word_for(smile, casme2.NEGATIVE) == "happiness"
    assert word_for(raised, casme2.NEGATIVE) == "surprise"
    assert word_for(smile, samm.NEGATIVE, samm.OTHERS) == "Happiness"
    assert word_for(smile, casme3.NEGATIVE, casme3.OTHERS) == "happy"


def test_units_are_written_with_the_side_that_moves_alone():
    mixed = expression(au10=(0.0, 0.03), au4=BOTH, au14=(0.03, 0.01), au17=(0.0, 0.03))
    assert unit_text(mixed) == "4+L10+R14+17"
    scored = scored_text(mixed, np.random.default_rng(0))
    assert scored.replace("C", "") == "4+L10+R14+17"


def test_a_single_unit_becomes_a_number_in_a_sheet():
    assert unit_cell("12") == 12
    assert unit_cell("R12") == "R12"
    assert unit_cell("4+7") == "4+7"
