"""Resume a training that was cut off: the contract, which any framework can meet, and a helper for torch.

`ci-kit train` gives the command it runs

- `CI_KIT_CHECKPOINT_DIR`: a folder for checkpoints outside the workspace. It belongs to this very training, the same
  command, code and data, and is still there when the command is started again; it is emptied when it has
  succeeded.
- `CI_KIT_RESUME`: `1` where an earlier attempt left something in that folder, else `0`.
- `CI_KIT_DEADLINE`: where the time is limited, when everything must have ended, in seconds since 1970; SIGTERM comes
  up to a minute before. Where the end becomes known only while the command runs, as on a spot machine, it stands in the
  file `.deadline` of the folder before SIGTERM comes.
- `CI_KIT_GRACE_S`: the seconds from SIGTERM until everything is ended: time to write one more checkpoint.

A command that crashes after it has written something new there is started again.

    from ci_kit.resume.torch import Checkpoint

    checkpoint = Checkpoint(model=model, optimizer=optimizer, scheduler=scheduler)
    for epoch in range(checkpoint.step, epochs):
        ...
        checkpoint.save(epoch + 1)

`Checkpoint` works without ci-kit, too, and then saves nothing unless it is given a folder. Other frameworks write their
own checkpoints into the folder, whole or not at all; `ci_kit.resume.folder.Folder` does that for any files.
"""

DIRECTORY, RESUME = "CI_KIT_CHECKPOINT_DIR", "CI_KIT_RESUME"
DEADLINE, GRACE = "CI_KIT_DEADLINE", "CI_KIT_GRACE_S"
ANNOUNCED = ".deadline"
STOPPED = 143
"""Exit code of a training that SIGTERM has ended, as a shell has it: 128 + 15."""
