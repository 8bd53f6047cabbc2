#!/bin/sh
# The main job on this machine alone: an emulator, a spec file, a job followed to its end, its tuned model.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
emulator=
trap 'test -z "$emulator" || { kill "$emulator" && wait "$emulator"; } 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

: >"$work/ready"
gemtune emulator --port 0 --job-duration 6s --db "$work/emulator.db" >"$work/ready" 2>"$work/log" &
emulator=$!
tries=0
until grep -q '^ready ' "$work/ready"; do
  kill -0 "$emulator" 2>/dev/null && [ "$tries" -lt 300 ] || { cat "$work/log" >&2; exit 1; }
  tries=$((tries + 1))
  sleep 0.1
done
address=$(sed -n 's|^ready rest=http://\([^ ]*\).*|\1|p' "$work/ready")
export GEMTUNE_EMULATOR_HOST="$address" GOOGLE_CLOUD_PROJECT=demo

say() { printf '\n$ %s\n' "$*"; }

echo "An emulator of the service listens on $address. The same commands reach the real one"
echo "without GEMTUNE_EMULATOR_HOST, for the project that GOOGLE_CLOUD_PROJECT names."

say gemtune create -f examples/spec.yaml --wait
gemtune create -f "$here/spec.yaml" --wait

say gemtune list
gemtune list

id=$(gemtune -q list --limit 1 -o json | sed -n 's|.*"name": "\(projects/.*/tuningJobs/[0-9]*\)".*|\1|p')
say gemtune get "${id##*/}" -o json
gemtune get "$id" -o json >"$work/job.json"
sed -n '1,12p' "$work/job.json"
echo "  ..."
sed -n '/"tunedModel": {/,/"endpoint"/p' "$work/job.json"
echo "  ..."

model=$(sed -n 's|.*"model": "\(projects/.*\)".*|\1|p' "$work/job.json" | head -n 1)
printf '\nThe tuned model: %s\n' "$model"
test -n "$model"
