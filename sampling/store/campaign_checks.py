"""What a campaign must be to describe its own columns, images and sequences."""

from .checks import StoreError, check_link, check_text, check_unique
from .records import NO_PREDICTION, Campaign, SequenceRecord, SetRecord

REFERENCES = ("first", "previous")


def check_campaign(campaign: Campaign, counted: bool = False) -> None:
    """Refuses a campaign that does not describe its own columns and images.

    Args:
        campaign: What is checked.
        counted: Whether only counts are known of its networks, and therefore no images.
    """
    texts = ("protocol", "protocol_hash", "dataset", "dataset_sha256", "device")
    for name in texts:
        check_text(f"Campaign.{name}", getattr(campaign, name))
    for name in ("classes", "notes"):
        for value in getattr(campaign, name):
            check_text(f"Campaign.{name}", value)
    for name in ("spaces", "supernets", "factor_units"):
        for key, value in getattr(campaign, name).items():
            check_link(f"Campaign.{name}", key)
            check_text(f"Campaign.{name}[{key!r}]", value)
    if len(campaign.classes) > NO_PREDICTION:
        raise StoreError(
            f"Campaign.classes must be at most {NO_PREDICTION}; got {len(campaign.classes)}. "
            "Predictions are stored in 16 bits."
        )
    check_link("Campaign.image_set", campaign.image_set)
    _check_conditions(campaign)
    if counted:
        _check_no_images(campaign)
    else:
        _check_images("Campaign", campaign.main, len(campaign.classes), 0)
    names = [campaign.image_set]
    for record in campaign.sets:
        names.append(record.name)
        _check_set(record, len(campaign.classes))
    for sequences in campaign.sequence_sets:
        names.append(sequences.name)
        _check_sequences(sequences, len(campaign.classes))
    check_unique("Campaign.sets", names)


def _check_no_images(campaign: Campaign) -> None:
    if campaign.image_ids or len(campaign.labels) or campaign.sets or campaign.sequence_sets:
        raise StoreError(
            "Campaign.image_ids must be empty where only counts are known, as must labels, sets "
            f"and sequence_sets; got {len(campaign.image_ids)} images. Leave them out."
        )


def _check_set(record: SetRecord, classes: int) -> None:
    check_link("SetRecord.name", record.name)
    _check_images(f"SetRecord[{record.name!r}]", record, classes, -1)
    covered = record.covered
    if list(covered) != sorted(set(covered) & set(range(classes))):
        raise StoreError(
            f"SetRecord.covered must be ascending class indices below {classes}; got {covered} for "
            f"{record.name!r}. Map the classes of the set to those of the data set."
        )


def _check_sequences(record: SequenceRecord, classes: int) -> None:
    check_link("SequenceRecord.name", record.name)
    _check_images(f"SequenceRecord[{record.name!r}]", record, classes, 0)
    for name in record.sequences:
        check_text("SequenceRecord.sequences", name)
    check_unique("SequenceRecord.sequences", record.sequences)
    q = len(record.sequences)
    if not q == len(record.frames) == len(record.references) > 0 or min(record.frames) < 2:
        raise StoreError(
            f"SequenceRecord.frames and references must be one per sequence, {q} and at least one, "
            f"of two frames or more; got {record.frames} and {record.references} for "
            f"{record.name!r}. Take them from the sequences."
        )
    unknown = set(record.references) - set(REFERENCES)
    if unknown:
        raise StoreError(
            f"SequenceRecord.references must be among {', '.join(REFERENCES)}; got "
            f"{min(unknown)!r} for {record.name!r}. Noises are compared with the first frame."
        )


def _check_conditions(campaign: Campaign) -> None:
    conditions = campaign.conditions
    if not conditions or conditions[0].family != "clean":
        got = conditions[0].name if conditions else "none"
        raise StoreError(
            f"Campaign.conditions must begin with the clean one; got {got}. Put it first."
        )
    names = [condition.name for condition in conditions]
    check_unique("Campaign.conditions", names)
    for condition in conditions:
        for field in ("name", "family", "parameters", "reference"):
            check_text(f"Condition.{field}", getattr(condition, field))
        if condition.reference not in names:
            raise StoreError(
                f"Condition.reference must name a condition of the campaign; got "
                f"{condition.reference!r} for {condition.name!r}. Add it or correct the name."
            )


def _check_images(owner: str, record: SetRecord | SequenceRecord, classes: int, least: int) -> None:
    n_images, labels = len(record.image_ids), record.labels
    if n_images == 0:
        raise StoreError(f"{owner}.image_ids must not be empty; got (). Choose some images.")
    if labels.shape != (n_images,) or labels.dtype.kind not in "iu":
        raise StoreError(
            f"{owner}.labels must be ({n_images},) integers, one per image id; got "
            f"{labels.dtype} {labels.shape}. Pass one class index per image."
        )
    if labels.min() < least or labels.max() >= classes:
        raise StoreError(
            f"{owner}.labels must be indices of the {classes} classes; got "
            f"{labels.min()} to {labels.max()}. Pass all class names."
        )
    for name in record.image_ids:
        check_text(f"{owner}.image_ids", name)
    check_unique(f"{owner}.image_ids", record.image_ids)
