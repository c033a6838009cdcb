"""Photographs through the pipeline, several under way together, written in their order."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace

from service.file_answers import answer_file, images_at_once
from service.formats import Outcome
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.predict.account import Account
from service.predict.answering import in_order
from service.predict.boxes import BoxesFile
from service.predict.entry import Entry
from service.predict.inputs import Photo
from service.predict.outputs import Outputs
from service.predict.overlays import Overlays
from service.progress import RateBar


@dataclass(frozen=True)
class PhotoWork:
    """How photographs are answered.

    Attributes:
        pipeline: the loaded networks.
        options: as of a request.
        boxes: where the people are, if a file says so.
        overlays: draws them, if they are to be drawn.
    """

    pipeline: Pipeline
    options: PoseOptions
    boxes: BoxesFile | None
    overlays: Overlays | None

    async def answer(self, photo: Photo) -> Outcome:
        """A photograph's outcome, its overlay written.

        Raises:
            OSError: the overlay cannot be written.
        """
        outcome = await answer_file(
            self.pipeline, photo.name, lambda: self._job(photo), self.options, keep_pixels=self.overlays is not None
        )
        if self.overlays is None or not isinstance(outcome, ImageResult):
            return outcome
        skeleton, threshold = self.pipeline.estimator.spec.skeleton, self.options.keypoint_threshold
        await asyncio.to_thread(self.overlays.draw, photo, outcome, skeleton, threshold)
        return replace(outcome, pixels=None)

    def _job(self, photo: Photo) -> ImageJob:
        """What the pipeline is to answer; the file is read."""
        data = photo.read(self.pipeline.limits.max_bytes)
        if self.boxes is None:
            return ImageJob(data, photo.name)
        people = self.boxes.people_in(photo, self.options)
        boxes, scores = tuple(person.box for person in people), tuple(person.score for person in people)
        return ImageJob(data, photo.name, boxes, f"{self.boxes.path}: boxes", scores)


async def answer_photos(work: PhotoWork, photos: list[Photo], outputs: Outputs, account: Account) -> None:
    """Answer photographs, until all are answered or the account is stopped.

    Raises:
        OSError: an output cannot be written.
    """
    image_ids, at_once = image_ids_of(photos, work.boxes), images_at_once(work.pipeline)
    with RateBar("images", len(photos)) as bar:
        async with aclosing(in_order(photos, work.answer, at_once, lambda: not account.stopped)) as answers:
            async for photo, outcome in answers:
                drawn = {} if work.overlays is None else {"overlay": work.overlays.names[photo.number]}
                outputs.write(Entry(photo.name, image_ids[photo.number], outcome, drawn))
                _count(photo, outcome, account, bar)


def image_ids_of(photos: list[Photo], boxes: BoxesFile | None) -> list[int]:
    """The ids in COCO's files: the boxes file's, where all images have a number of their own there; else places."""
    known = [boxes.id_of(photo) for photo in photos] if boxes else []
    numbers = [image_id for image_id in known if isinstance(image_id, int)]
    return numbers if len(set(numbers)) == len(photos) else [photo.number for photo in photos]


def _count(photo: Photo, outcome: Outcome, account: Account, bar: RateBar) -> None:
    bar.advance()
    if isinstance(outcome, ImageResult):
        account.answered += 1
        account.people += len(outcome.people)
    else:
        account.failed += 1
        bar.say(f"{photo.name}: {outcome[1].detail}")
