#!/bin/bash
# Prints the user instructions that a sender spends on a message: the slope of
# valgrind's count between two run lengths, so that the start does not count.
# The receiver is a process of its own. The last row is what a *mail.Msg costs
# beyond a WriteTo of the same message in the same run. A run takes about a minute.
#
#	bench/instructions.sh [short-run long-run]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null; then
	echo "instructions.sh: valgrind is not installed; the instructions cannot be counted" >&2
	exit 1
fi
short=${1:-1000} long=${2:-5000}
if ((long <= short)); then
	echo "instructions.sh: the long run ($long) must be longer than the short one ($short)" >&2
	exit 1
fi

work=$(mktemp -d)
receiver=
trap '[[ -z $receiver ]] || kill "$receiver" 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/cost" ./cost
mkfifo "$work/input"
"$work/cost" receive <"$work/input" >"$work/addr" &
receiver=$!
exec 3>"$work/input" # the receiver ends when this is closed
for _ in {1..100}; do
	[[ -s $work/addr ]] && break
	sleep 0.05
done
addr=$(<"$work/addr")

# count prints the instructions of a run: count SHAPE MESSAGES. Some versions of valgrind do
# not know the instruction RDTSCP, which Go's runtime would use.
count() {
	local out
	if ! out=$(GODEBUG=cpu.rdtscp=off timeout 300 valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null \
		"$work/cost" send -addr "$addr" -shape "$1" -n "$2" 2>&1 >/dev/null); then
		printf 'instructions.sh: %s failed under valgrind:\n%s\n' "$1" "$(head -20 <<<"$out")" >&2
		return 1
	fi
	sed -n 's/.*I *refs: *//p' <<<"$out" | tr -d ,
}

# slope prints the instructions a message of a shape.
slope() {
	local a b
	a=$(count "$1" "$short")
	b=$(count "$1" "$long")
	if [[ -z $a || -z $b ]]; then
		echo "instructions.sh: valgrind counted nothing for $1; does '$1' run without it?" >&2
		exit 1
	fi
	echo $(((b - a) / (long - short)))
}

printf '%-24s %12s\n' message instructions
for shape in 1KiB 50KiB 50rcpt; do
	n=$(slope "$shape")
	printf '%-24s %12d\n' "$shape" "$n"
done
msg=$(slope msg)
bare=$(($(slope msgtwice) - msg))
printf '%-24s %12d\n' '*mail.Msg' "$msg" 'its WriteTo' "$bare" '*mail.Msg beyond WriteTo' $((msg - bare))
