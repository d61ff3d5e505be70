"""Mixed models as lines of R (lme4), which read the tables that an analysis writes."""

from __future__ import annotations

from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.measure import Measure
from synthstim.analysis.sensitivity import models_of
from synthstim.analysis.sensitivity.tables import signal_answer

_READ = """\
# Mixed models of the answers, by lme4. In the folder of this file: Rscript mixed_model.R
read <- function(file) read.delim(file, na.strings = "n/a", quote = "", stringsAsFactors = FALSE)
kept <- subset(read("participants.tsv"), kept == 1)$participant
main <- subset(read("trials.tsv"), phase == "main" & status == "answered" & participant %in% kept)
main$condition <- factor(main$condition, levels = unique(read("by_condition.tsv")$condition))
main$pair <- factor(ifelse(is.na(main$pair), "none", main$pair))
several <- nlevels(droplevels(main$condition)) > 1
# Participants and what was compared are random.
random <- if (nlevels(main$pair) > 1) "(1 | participant) + (1 | pair)" else "(1 | participant)"
model <- function(left, right) as.formula(paste(left, "~", right, "+", random))
if (length(unique(main$participant)) < 2) stop("mixed models need two participants or more", call. = FALSE)
library(lme4)
"""
_CORRECT = """
cat("Log odds of a right answer; each condition against the first\\n")
print(aggregate(correct ~ condition, main, mean))
if (length(unique(main$correct)) > 1) {
  fit <- glmer(model("correct", if (several) "condition" else "1"), main, family = binomial)
  print(summary(fit)$coefficients)
} else cat("All answers are equally right: there is nothing to model\\n")
"""
_RATES = """
# DeCarlo 1998, doi:10.1037/1082-989X.3.2.186
cat("In units of d': the slope of signal is {scale}; those of condition:signal are its changes\\n")
main$said <- as.integer(main$response == "{signal}")
main$signal <- ifelse(main$right == "{signal}", 0.5, -0.5)
if (length(unique(main$signal)) > 1) {{
  fit <- glmer(model("said", if (several) "condition * signal" else "signal"), main, family = binomial("probit"))
  print(summary(fit)$coefficients)
}}
"""
_NUMBERS = """
cat("Mean answers; each condition against the first\\n")
print(aggregate(response ~ condition, main, mean))
fit <- lmer(model("response", if (several) "condition" else "1"), main)
print(summary(fit)$coefficients)
"""
_TIMES = """
cat("Logarithms of the reaction times{which}\\n")
timed <- subset(main, !is.na(response_time) & response_time > 0{only})
fit <- lmer(model("log(response_time)", if (several) "condition" else "1"), timed)
print(summary(fit)$coefficients)
"""
_SCALES = {"yes_no": "d'", "2afc": "the square root of 2 times d'"}


def r_lines(study: Study, measure: Measure | None) -> str:
    """The lines of R that fit mixed models to the answers of a study.

    Args:
        measure: whether answers are right or wrong, numbers, or neither.

    Example:
        >>> from synthstim.analysis import Condition, Study
        >>> "glmer" in r_lines(Study((Condition("all"),), ("yes", "no"), 1, task="yes_no"), Measure("proportion", "Correct"))
        True
    """
    if measure is None:
        return _READ + _TIMES.format(which="", only="")
    if not measure.is_proportion:
        return _READ + _NUMBERS + _TIMES.format(which="", only="")
    lines = _READ + _CORRECT
    if study.task in _SCALES and (models := models_of(study.task, len(study.answers))):
        lines += _RATES.format(scale=_SCALES[study.task], signal=signal_answer(models[0], study))
    return lines + _TIMES.format(which=" of right answers", only=" & correct == 1")
