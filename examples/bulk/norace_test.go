//go:build !race

package main

// letterOneOf is the number of letters of which one is made: the race detector makes tests ten
// times as slow.
const letterOneOf = 1
