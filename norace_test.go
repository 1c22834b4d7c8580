//go:build !race

package smtpace

const raceEnabled = false
