//go:build race

package main

// raced tells that the race detector makes everything ten times as slow.
const raced = true
