package smtpace

import (
	"crypto/sha256"
	"errors"
	"os"

	"github.com/smtpace/smtpace/pool"
)

// repeatability tells whether a message renders to the same bytes every time.
type repeatability uint8

const (
	repeatsUnknown repeatability = iota
	repeatsSame
	repeatsOther
)

// repeatable reports whether the bytes that were sent can be made again. It
// finds that out once, and writes bytes that cannot be rendered again to a file.
// The caller holds renderMu.
func (sub *Submission) repeatable(data []byte) bool {
	sub.mu.Lock()
	summed, repeats, file := sub.summed, sub.repeats, sub.file
	sub.mu.Unlock()
	if file != "" || repeats == repeatsSame {
		return true
	}
	if !summed || repeats == repeatsUnknown {
		sum := sha256.Sum256(data)
		repeats = sub.prove(sum)
		sub.mu.Lock()
		sub.sum, sub.summed, sub.repeats = sum, true, repeats
		sub.mu.Unlock()
	}
	return repeats == repeatsSame || sub.spool(data)
}

// prove renders a Msg once more and compares the hash. Data always repeats, for
// the caller must not change it.
func (sub *Submission) prove(sum [sha256.Size]byte) repeatability {
	if sub.message.Msg == nil {
		return repeatsSame
	}
	if again, err := sub.message.render(); err == nil && sha256.Sum256(again.Bytes()) == sum {
		return repeatsSame
	}
	return repeatsOther
}

// spool writes the bytes to a file in Config.SpoolDir. It reports false without
// such a directory, or when it fails: the bytes must stay in memory then.
func (sub *Submission) spool(data []byte) bool {
	dir := sub.sender.cfg.SpoolDir
	if dir == "" {
		return false
	}
	file, err := writeFile(dir, data)
	if err != nil {
		sub.sender.cfg.Logger.Warn("smtpace: message cannot be written to SpoolDir and is kept in memory", "error", err)
		return false
	}
	sub.mu.Lock()
	settled := sub.open == 0
	if !settled {
		sub.file = file
	}
	sub.mu.Unlock()
	if settled {
		sub.removeFile(file)
	}
	return !settled
}

// removeFile removes the file of a settled message.
func (sub *Submission) removeFile(file string) {
	if err := os.Remove(file); err != nil {
		sub.sender.cfg.Logger.Warn("smtpace: file of a settled message cannot be removed", "error", err)
	}
}

// writeFile writes data to a new file. It leaves no file when it fails.
func writeFile(dir string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, "smtpace-*.eml")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// readBody reads a file that writeFile has written.
func readBody(file string) (pool.Body, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return pool.Body{}, err
	}
	return pool.NewBody(data)
}
