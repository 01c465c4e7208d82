"""A small TESS: both speakers, seven emotions, two words each, and the odd files of the release."""

from pathlib import Path

from support.trees.ravdess import sound

RATE = 24_414
FOLDERS = {
    "angry": ("OAF_angry", "YAF_angry"),
    "disgust": ("OAF_disgust", "YAF_disgust"),
    "fear": ("OAF_Fear", "YAF_fear"),
    "happy": ("OAF_happy", "YAF_happy"),
    "neutral": ("OAF_neutral", "YAF_neutral"),
    "ps": ("OAF_Pleasant_surprise", "YAF_pleasant_surprised"),
    "sad": ("OAF_Sad", "YAF_sad"),
}
WORDS = ("back", "youth")
AIFF = ("YAF_angry/YAF_germ_angry.wav", "YAF_fear/YAF_neat_fear.wav")
MISSPELT = "OAF_neutral/OA_bite_neutral.wav"
FAST = "OAF_Sad/OAF_food_sad.wav"


def make(folder: Path) -> Path:
    """Write the folders of the speakers and emotions, as they are named in the release."""
    for emotion, folders in FOLDERS.items():
        for name in folders:
            for word in WORDS:
                sound(folder / name / f"{name[:3]}_{word}_{emotion}.wav", rate=RATE)
    for place in AIFF:
        sound(folder / place, rate=RATE, format="AIFF")
    sound(folder / MISSPELT, rate=RATE)
    # Two seconds at the rate that it was recorded with.
    sound(folder / FAST, rate=96_000, seconds=2 * RATE / 96_000)
    (folder / "OAF_angry" / "._OAF_back_angry.wav").write_bytes(b"\0\5\26\7")
    return folder
