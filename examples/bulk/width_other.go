//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package main

import "os"

// terminalWidth gives the width that nearly all terminals have.
func terminalWidth(*os.File) int { return defaultWidth }
