#!/usr/bin/env bash
# run.sh COMMAND [INPUT...]: run `ci-kit COMMAND` as this process, so that a cancel reaches it, with --INPUT=VALUE for
# each named input whose CI_KIT_INPUT_<INPUT> holds a value. Other variables of that kind, such as one that an earlier
# step of the job left to all later ones, are not inputs of this action.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
read -ra words <<<"$1"
shift
case "${words[*]}" in
  report | 'report --fork' | 'report history' | 'train --proceed' | 'retrain --publish') environment=kit ;; # it holds a token: nothing of the workspace is imported there
  'package --register' | deploy | 'deploy --rollback') environment=deploy ;; # so do they, with what serves a model
  'package --build') environment=package ;;
  drift) environment=drift ;;
  *) environment=work ;;
esac

unset INPUT_TOKEN # some runners hand every input on by such a name, to steps that shall not have this one, too
# An installation may take minutes, and a cancelled step has seconds: it gets a process group of its own, which ends whole.
set -m
env -u GITHUB_TOKEN -u CI_KIT_LIVE_TOKEN bash "$here/install.sh" "$environment" </dev/null &
set +m
trap 'kill -KILL -- "-$!" 2>/dev/null; exit 130' INT TERM
wait "$!"
trap - INT TERM

bin=$RUNNER_TEMP/ci-kit/$environment/bin
case $environment in kit | deploy) ;; *)
  export VIRTUAL_ENV="${bin%/bin}" PATH="$bin:$PATH" # `python train.py` is the one with the user's packages
  ;;
esac
export DVC_NO_ANALYTICS=1 ITERATIVE_DO_NOT_TRACK=1 BENTOML_DO_NOT_TRACK=true DO_NOT_TRACK=1

for input in "$@"; do
  name=CI_KIT_INPUT_$(printf %s "$input" | tr 'a-z-' 'A-Z_')
  [ -z "${!name:-}" ] || words+=("--$input=${!name}") # an empty input was not given
done
# -I: a json.py in the workspace is not the one that Python imports. -u: the log shows lines as they come.
exec "$bin/python" -I -u "$bin/ci-kit" "${words[@]}"
