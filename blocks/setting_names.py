"""Which settings there are at a path of a document: the names that a misspelt one may have meant."""

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from blocks.problems import Path


def no_such_setting(model: type[BaseModel], path: Path) -> str:
    """Return what to say of a name that `model` does not have at `path`."""
    near = get_close_matches(str(path[-1]), _names_at(model, path[:-1]), n=1)
    return f"no such setting; did you mean {near[0]}?" if near else "no such setting"


def _names_at(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    here: type[BaseModel] | None = model
    for part in path:
        if here is not None and isinstance(part, str):
            field = here.model_fields.get(part)
            here = _model_in(field.annotation) if field else None
    return tuple(here.model_fields) if here else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds: itself, a list of it, or it or nothing."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
