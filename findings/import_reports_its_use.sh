#!/usr/bin/env bash
# openvino 2026.4.1 with openvino-telemetry 2025.2.0
#
# Behaviour: `import openvino` by itself opens a session of usage statistics and hands it
# an event to send; `convert_model` sends more. Nobody was asked: no file of consent
# counts as consent. It leaves a number for this user in the home folder. Without the
# package openvino-telemetry, which pip installs beside it, or with CI=true, it does not.
#
# Guess: importing a library computes and reads; what reports its use asks before, as
# the dialogue of consent in the telemetry package suggests.
#
# Seen, of the files in an empty home folder after `import openvino`:
#   as installed          intel/openvino_ga_cid, intel/stats
#   with CI=true          nothing
#   without the package   nothing
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openvino==2026.4.1 openvino-telemetry==2025.2.0

"$work/venv/bin/pip" list 2>/dev/null | grep -i openvino

look() {  # the files that an import leaves in an empty home folder
  rm -rf "$work/home" && mkdir "$work/home"
  env -u CI HOME="$work/home" "$@" "$work/venv/bin/python" -c "import openvino" 2>/dev/null
  (cd "$work/home" && find . -type f | sed 's|^./||' | sort | paste -sd ' ')
}

installed=$(look)
in_ci=$(look CI=true)
"$work/venv/bin/pip" uninstall --quiet --yes openvino-telemetry
without=$(look)
printf 'as installed: %s\nwith CI=true: %s\nwithout the package: %s\n' \
  "${installed:-nothing}" "${in_ci:-nothing}" "${without:-nothing}"

if [[ $installed != *intel/openvino_ga_cid* || -n $in_ci || -n $without ]]; then
  echo "The behaviour is not that of the header any more." >&2
  exit 1
fi
