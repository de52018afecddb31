"""Effects of offers on customers, learnt from randomised trials and judged beside what a shop would do without them.

In: a table and a spec (``TrialSpec``), or features, arms, outcomes and propensities as arrays. Out: effects per arm,
and reports that say whether acting on them beats the baselines.
"""

from models.uplift.baselines import AverageEffect, ResponseRanking, TBoosted, TLinear
from models.uplift.dr import DRLearner
from models.uplift.rlearner import RLearner
from models.uplift.selection import SelectedLearner
from models.uplift.slearner import SLearner
from models.uplift.spec import TrialSpec
from models.uplift.tlearner import TLearner
from models.uplift.trial import Trial
from models.uplift.xlearner import XLearner

__all__ = [
    "AverageEffect",
    "DRLearner",
    "RLearner",
    "ResponseRanking",
    "SLearner",
    "SelectedLearner",
    "TBoosted",
    "TLearner",
    "TLinear",
    "Trial",
    "TrialSpec",
    "XLearner",
]
