# In the experiment's folder, after "synthstim analyse ." has said who is kept.
read <- function(file) read.delim(file, na.strings = "n/a", quote = "")
trials <- do.call(rbind, lapply(Sys.glob("data/*_trials.tsv"), read))
kept <- subset(read("analysis/participants.tsv"), kept == 1)
main <- subset(trials, part == "main" & catch == 0 & status == "answered" & participant %in% kept$participant)
main$condition <- relevel(factor(main$condition), "natural")
print(aggregate(correct ~ condition, main, mean))

library(lme4)
fit <- glmer(correct ~ condition + (1 | participant) + (1 | source), main, family = binomial)
print(summary(fit)$coefficients)
