"""`fasterpose measure`: every precision of a pose bundle on its recipe's validation files."""

from pathlib import Path

from pydantic import ValidationError

from model.config import Recipe
from model.contract.spec import BundleError, PoseSpec, load_pose_spec
from model.export import measure
from model.precisions import Accuracy, open_precisions
from model.validation import read_validations


def measure_bundle(folder: Path, data: Path) -> Accuracy:
    """Measure a pose bundle as its export did, in each precision that this CPU computes in.

    Args:
        folder: the bundle.
        data: the folder that its recipe's paths are relative to.

    Raises:
        BundleError: the bundle cannot be used, or names no recipe.
        AnnotationError, DataError: a validation file or photograph is missing or broken.
    """
    return measure(open_precisions(folder), read_validations(data, recipe_of(load_pose_spec(folder))))


def recipe_of(spec: PoseSpec) -> Recipe:
    """The recipe that a bundle was trained by.

    Raises:
        BundleError: its spec holds none, or one that this release does not read.
    """
    try:
        return Recipe.model_validate(spec.provenance.training["recipe"])
    except (KeyError, ValidationError) as error:
        name = spec.provenance.name
        raise BundleError(f"the spec of bundle {name} holds no recipe that can be read; export it again") from error
