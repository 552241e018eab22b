#!/usr/bin/env bash
# Run one `ci-kit` command as this process, so that a cancel reaches it, with every CI_KIT_INPUT_NAME as --name=VALUE.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
environment=work
[ "$1" != report ] || environment=kit # it holds a token: nothing of the workspace is imported there

trap 'exit 130' INT TERM # or bash would go on after an installation that was cancelled
bash "$here/install.sh" "$environment"
trap - INT TERM

bin=$RUNNER_TEMP/ci-kit/$environment/bin
if [ "$environment" = work ]; then
  export VIRTUAL_ENV="${bin%/bin}" PATH="$bin:$PATH" # `python train.py` is the one with the user's packages
fi
export DVC_NO_ANALYTICS=1 ITERATIVE_DO_NOT_TRACK=1 BENTOML_DO_NOT_TRACK=true DO_NOT_TRACK=1

options=()
for name in "${!CI_KIT_INPUT_@}"; do
  if [ -n "${!name}" ]; then # an empty input was not given
    options+=("--$(printf %s "${name#CI_KIT_INPUT_}" | tr 'A-Z_' 'a-z-')=${!name}")
  fi
done
# -I: a json.py in the workspace is not the one that Python imports. -u: the log shows lines as they come.
exec "$bin/python" -I -u "$bin/ci-kit" "$@" ${options[@]+"${options[@]}"}
