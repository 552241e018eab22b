#!/usr/bin/env bash
# Install the kit of this very commit in environments below RUNNER_TEMP: `kit` publishes, takes nothing from the
# workspace and only the very packages of kit.txt; `deploy` does, too, with those of ci_kit/bento/locked.txt, which serve
# a model; `work` runs the user's code with the user's packages; `drift` and `package` do so, too, with the many packages
# that draw a drift report or make a bento and that no other step should wait for. `install.sh all` makes
# the first two and obeys the inputs of setup; `install.sh NAME` makes one, keeps to what setup chose, else to the
# defaults, and is quick when the environment stands.
# Works with the bash 3.2 of macOS.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
home=${RUNNER_TEMP:?ci-kit needs RUNNER_TEMP, a folder for temporary files}/ci-kit

die() {
  printf '::error title=ci-kit::%s\n' "${1//[$'\r\n%']/ }" >&2
  exit 2
}

# Third-party output may hold workflow commands: none is obeyed until the token comes again.
quietly() {
  local token failed=0
  token=ci-kit-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$token"
  "$@" 2>&1 || failed=1 # one stream: in two, the order of lines and token would not be kept
  printf '\n::%s::\n' "$token"
  return "$failed"
}

# The kit's content: an action of another ref installs its own.
fingerprint() {
  (cd "$root" && find pyproject.toml ci_kit actions/kit.txt -type f ! -name '*.pyc' -exec cksum {} + | LC_ALL=C sort | cksum)
}

# What setup was asked for: the interpreter, then each file of requirements with its checksum.
request() {
  local file
  printf '%s\n' "${CI_KIT_PYTHON:-}"
  if [ -n "${CI_KIT_REQUIREMENTS:-}" ]; then
    while IFS= read -r file || [ -n "$file" ]; do
      [ -z "$file" ] || checksum "$file"
    done <<<"$CI_KIT_REQUIREMENTS"
  elif [ -f "${CI_KIT_INPUT_DIRECTORY:-.}/requirements.txt" ]; then
    checksum "${CI_KIT_INPUT_DIRECTORY:-.}/requirements.txt"
  elif [ -f requirements.txt ]; then
    checksum requirements.txt
  fi
}

checksum() {
  [ -f "$1" ] || die "There is no file $1 to install requirements from. Check the input \"requirements\"."
  printf '%s %s\n' "$(cksum <"$1" | tr ' ' -)" "$(cd "$(dirname "$1")" && pwd -P)/$(basename "$1")"
}

# Find the real interpreter: a shim (pyenv, asdf) may answer differently in another folder.
find_python() {
  local wanted=${1:-python3} help='Run actions/setup-python before ci-kit, or set the input "python".'
  python=$("$wanted" -I -c 'import sys; print(sys.executable)' 2>/dev/null) ||
    die "There is no Python at \"$wanted\". $help"
  "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "ci-kit needs Python 3.11 or newer, and \"$wanted\" is older. $help"
}

find_uv() {
  uv=$(command -v uv) && return
  uv=$home/uv/bin/uv
  [ ! -x "$uv" ] || return 0
  "$python" -I -m venv "$home/uv" || die "\"$python\" can't make environments. Install python3-venv, or uv."
  (cd "$home" && "$home/uv/bin/python" -I -m pip install --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: --requirement "$root/actions/uv.txt") || die "uv can't be installed. See the lines above."
}

# The interpreter below a virtual environment: its own files may be anybody's, those of the workspace too.
base_python() {
  "$python" -I -c 'import os, sys; print(os.path.realpath(sys._base_executable))'
}

# Whether the interpreter comes with packages that somebody installed for this job: conda, a virtual environment,
# setup-python after pip install. The interpreter of a Linux distribution counts only if it was asked for.
prepared() {
  "$python" -I - "$1" <<'END'
import sys, sysconfig
from importlib.metadata import distributions
from pathlib import Path
asked = sys.argv[1] not in ("", "python3")
system = sys.prefix == sys.base_prefix and Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists()
names = {(found.name or "").lower() for found in distributions()} - {"pip", "setuptools", "uv", "wheel"}
sys.exit(not names or (system and not asked))
END
}

# Let an environment see the packages of the prepared one, also if that is a virtual environment itself.
see_base() {
  "$python" -I -c 'import sys; print(*(p for p in sys.path if p.endswith(("site-packages", "dist-packages"))), sep="\n")' |
    "$home/$1/bin/python" -I -c '
import sys, sysconfig
from pathlib import Path
lines = [f"import site; site.addsitedir({line.rstrip(chr(10))!r})\n" for line in sys.stdin]
Path(sysconfig.get_path("purelib"), "ci-kit-base.pth").write_text("".join(lines), encoding="utf-8")'
}

# In these `set -e` has no effect, as their status is tested: each line says itself what a failure ends.
install_kit() { install_locked kit actions/kit.txt; }

install_deploy() { install_locked deploy ci_kit/bento/locked.txt; }

# install_locked NAME LOCK: an environment that will see a token.
install_locked() {
  # Not in the workspace: uv would obey a uv.toml there.
  cd "$home" || return
  "$uv" venv --quiet --no-project --python "$(base_python)" "$home/$1" || return
  "$uv" pip install --quiet --python "$home/$1/bin/python" ${links[@]+"${links[@]}"} \
    --require-hashes --no-build --requirement "$root/$2" || return
  # Built by the backend that the lock pins too, and without any look at an index.
  "$uv" pip install --quiet --offline --no-deps --no-build-isolation --python "$home/$1/bin/python" \
    --reinstall-package ci-kit "$root"
}

install_work() { install_user work evaluate,retrain,train,validate "$1"; }

install_drift() { install_user drift drift,validate "$1"; }

# With the versions that serve a model in the environment `deploy`, too, unless the user's packages want others.
install_package() {
  sed -n 's/^\([a-z0-9.-]*==[^\\]*[^ \\]\).*/\1/p' "$root/ci_kit/bento/locked.txt" >"$home/serving.txt"
  install_user package evaluate,package,validate "$1" --constraint "$home/serving.txt" ||
    install_user package evaluate,package,validate "$1"
}

# install_user NAME EXTRAS REQUEST [OPTION...]: an environment with the user's packages.
install_user() {
  local wanted=("${root}[$2]" "${@:4}") place=$home/$1 line
  rm -rf "$place"
  while IFS= read -r line; do
    wanted+=(-r "${line#* }")
  done < <(tail -n +2 <<<"$3")
  if prepared "${3%%$'\n'*}"; then
    # pip takes the packages that it sees for installed; uv would install them again.
    "$uv" venv --quiet --no-project --seed --python "$python" "$place" && see_base "$1" || return
    "$place/bin/python" -I -m pip install --quiet --disable-pip-version-check "${wanted[@]}"
  else
    "$uv" venv --quiet --no-project --python "$python" "$place" || return
    "$uv" pip install --quiet --python "$place/bin/python" ${links[@]+"${links[@]}"} \
      --reinstall-package ci-kit "${wanted[@]}"
  fi
}

# ensure NAME MARK REQUEST: install the environment unless it is the one that the mark describes.
ensure() {
  [ "$(cat "$home/$1/.ci-kit" 2>/dev/null)" != "$2" ] || return 0
  [ -n "${python:-}" ] || find_python "${3%%$'\n'*}"
  [ -n "${uv:-}" ] || find_uv
  rm -rf "${home:?}/$1"
  printf 'Installing ci-kit (%s) for %s\n' "$1" "$python"
  (quietly "install_$1" "$3") || die "The installation failed. The lines above say why."
  printf '%s' "$2" >"$home/$1/.ci-kit"
}

main() {
  local name=${1:-all} asked kit
  mkdir -p "$home"
  if [ "$name" = all ]; then
    asked=$(request)
    printf '%s' "$asked" >"$home/request"
  else
    # These two are inputs of setup alone: what another step left to all later ones is not.
    asked=$(cat "$home/request" 2>/dev/null) || asked=$(CI_KIT_PYTHON='' CI_KIT_REQUIREMENTS='' request)
  fi
  kit=$(fingerprint)
  links=()
  [ -z "${PIP_FIND_LINKS:-}" ] || links=(--find-links "$PIP_FIND_LINKS")
  # uv knows pip's settings only by names of its own.
  [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
  [ -z "${PIP_INDEX_URL:-}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"
  [ -z "${PIP_EXTRA_INDEX_URL:-}" ] || export UV_INDEX="${UV_INDEX:-$PIP_EXTRA_INDEX_URL}"
  case $name in all | kit) ensure kit "$kit" "${asked%%$'\n'*}" ;; esac
  [ "$name" != deploy ] || ensure deploy "$kit" "${asked%%$'\n'*}"
  case $name in all | work) ensure work "$kit"$'\n'"$asked" "$asked" ;; esac
  case $name in drift | package) ensure "$name" "$kit"$'\n'"$asked" "$asked" ;; esac
}

main "$@"
