package smtpace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/smtpace/smtpace/pool"
)

// repeatability tells whether a message renders to the same bytes every time.
type repeatability uint8

const (
	repeatsUnknown repeatability = iota
	repeatsSame
	repeatsOther
)

// proveAndDrop drops the bytes that were sent if they can be made again. It finds
// that out once, and writes bytes that cannot be rendered again to a file.
func (sub *Submission) proveAndDrop(body pool.Body) {
	defer sub.sender.registry.leave()
	sub.mu.Lock()
	repeats := sub.repeats
	sub.mu.Unlock()
	sum := sha256.Sum256(body.Bytes())
	if repeats == repeatsUnknown {
		repeats = sub.prove(sum)
	}
	ready := repeats == repeatsSame || sub.spool(body.Bytes()) || sub.owned
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.sum, sub.summed, sub.repeats, sub.proving = sum, true, repeats, false
	if ready && sub.droppableLocked() {
		sub.dropLocked(time.Now())
	}
}

// prove renders a Msg once more and compares the hash.
func (sub *Submission) prove(sum [sha256.Size]byte) repeatability {
	r := &rendering{done: make(chan struct{})}
	sub.mu.Lock()
	if sub.open == 0 { // settled meanwhile; nobody may read the Msg any more
		sub.mu.Unlock()
		return repeatsOther
	}
	sub.holdMsgLocked()
	sub.mu.Unlock()
	go func() {
		defer close(r.done)
		defer sub.letMsgGo()
		r.err = unpanicked("a writer of the Msg", func() (err error) {
			r.body, err = render(sub.message.Msg, nil, &r.aborted)
			return err
		})
	}()
	if again, err := sub.sender.await(r); err == nil && sha256.Sum256(again.Bytes()) == sum {
		return repeatsSame
	}
	return repeatsOther
}

// sumData notes the hash of Data that was sent and may be sent again, as long as nobody
// has changed it: the caller could.
func (sub *Submission) sumData() {
	sub.mu.Lock()
	body := sub.body
	due := sub.message.Msg == nil && !sub.owned && sub.sent && !sub.summed && sub.restsLocked()
	sub.mu.Unlock()
	if !due {
		return
	}
	sum := sha256.Sum256(body.Bytes())
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.summed {
		sub.sum, sub.summed = sum, true
	}
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
		if sub.owned {
			sub.message.Data = nil
		}
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

// readBody reads a file that writeFile has written. A file that is gone, or that
// somebody has cut off, is ErrChanged. When the whole directory cannot be seen, the
// file may come back with it.
func readBody(file string) (pool.Body, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if _, missing := os.Stat(filepath.Dir(file)); missing == nil {
			return pool.Body{}, fmt.Errorf("%w: its copy in Config.SpoolDir is gone: %w", ErrChanged, err)
		}
	}
	if err != nil {
		return pool.Body{}, err
	}
	body, err := pool.NewBody(data)
	if err != nil {
		return pool.Body{}, fmt.Errorf("%w: its copy in Config.SpoolDir: %w", ErrChanged, err)
	}
	return body, nil
}
