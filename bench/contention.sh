#!/bin/bash
# Prints how long goroutines wait for mutexes, per message, at 64 connections to
# a receiver of the loopback in a process of its own, and the functions whose
# unlocking ended most of the waiting.
#
#	bench/contention.sh [messages]
set -euo pipefail
cd "$(dirname "$0")"

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
n=${1:-50000}
for _ in 1 2 3; do
	timeout 300 "$work/cost" send -addr "$(<"$work/addr")" -connections 64 -n "$n" -warm 10000 -mutexprofile "$work/profile"
done
go tool pprof -top -cum -nodecount 25 "$work/cost" "$work/profile" 2>/dev/null
