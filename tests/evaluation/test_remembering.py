import cloudpickle

from ssrl_ecg.evaluation.remembering import Remembering


def test_a_question_is_asked_once_and_the_oldest_answer_goes_first():
    asked = []
    square = Remembering(lambda x: asked.append(x) or x * x, most=2)
    assert [square(x) for x in (2, 3, 2, 4, 2, 3)] == [4, 9, 4, 16, 4, 9]
    assert asked == [2, 3, 4, 3]


def test_sent_away_it_takes_the_function_and_no_answer():
    asked = []
    square = Remembering(lambda x: (asked.append(x), len(asked))[1])
    assert (square(2), square(2), asked) == (1, 1, [2])
    arrived = cloudpickle.loads(cloudpickle.dumps(square))
    assert (arrived(2), arrived(2), asked) == (2, 2, [2])
