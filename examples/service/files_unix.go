//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockFile keeps other processes from a file until it is closed.
func lockFile(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// syncFolder makes a rename in a folder outlast a crash of the machine.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
