"""Linear recognizers, which are solved for, and the kinds to choose from."""

from ser_pcq.models.linear.kind import LinearKind

LINEAR: dict[str, LinearKind] = {
    "discriminant": LinearKind("discriminant"),
    "whisper-svm": LinearKind("svm", layers="one"),
    "egemaps-svm": LinearKind("svm", opensmile="eGeMAPSv02"),
    "compare-svm": LinearKind("svm", opensmile="ComParE_2016"),
}
"""`model.name` to the kind of linear recognizer."""
