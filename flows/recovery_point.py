"""A recovery point, step by step: used by backup, and by restore once the registry lives again.

The order is the result of a model of every interleaving of pushes, deletions and garbage collection:
images, the control plane where it is wanted, then under a hold metadata and the images that came since, then
the proof, then the manifest.
"""

from flows.control_plane import back_up_accounts, discard_accounts
from flows.run import After, Run
from runbook.domain.plans import Action, Step
from runbook.domain.recovery import Manifest
from tasks.holds import hold_garbage_collection, release_hold, release_stale_hold
from tasks.images import push_canary
from tasks.recovery_points import (
    begin_point,
    copy_images,
    prove_point,
    publish_point,
    seal_point,
    stream_metadata,
)


def take_recovery_point(run: Run, after: After = ()) -> After:
    """Leave a verified recovery point in the vault, or none; garbage collection runs as before."""
    begun = run.step(begin_point, after=after)
    stale = run.step(release_stale_hold, after=[begun])
    bulk = run.step(copy_images, after=[stale])
    canary = run.step(push_canary, after=[bulk])
    accounts = back_up_accounts(run, begun, after=[canary])
    last: After = [canary, *accounts]
    hold = None
    try:
        hold = run.step(hold_garbage_collection, after=last)
        last = [hold]
        metadata = run.step(stream_metadata, begun, after=[hold])
        images = run.step(copy_images, after=[metadata])
    except BaseException:
        discard_accounts(run, begun, accounts)
        raise
    finally:
        released = run.step(release_hold, hold, after=last)
    proof = run.step(prove_point, metadata, images, canary)
    sealed = run.step(seal_point, begun, metadata, images, (canary, proof, hold), *accounts, after=[released])
    published = run.step(publish_point, sealed)
    manifest: Manifest = published.result()
    run.report.did.append(
        Step(Action.BACK_UP, run.cluster.name, manifest.id, "verified, its manifest is published")
    )
    run.report.notes.append(
        f"recovery point {manifest.id}: {manifest.tags} tags in {manifest.repositories} repositories, "
        f"{manifest.proof.references} references checked and {manifest.proof.missing} missing, "
        f"{manifest.images.blobs} blobs of {manifest.images.bytes / 1e6:.1f} MB"
    )
    return [published]
