package smtpace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Memory keeps what a Sender has learned, and what it has used of quotas and
// warm-ups, while no Sender runs. Its methods are not called at the same time.
// [File] is one.
type Memory interface {
	// Load returns what was saved last; nothing when nothing ever was.
	Load() ([]byte, error)
	// Save keeps snapshot in place of what was saved before. It must not keep
	// half of it when it fails.
	Save(snapshot []byte) error
}

// File is a Memory in the file of that name. Every Save replaces the file as a
// whole. Two processes must not share it.
type File string

// Load reads the file; one that does not exist is empty.
func (f File) Load() ([]byte, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Save writes a new file beside the old one and renames it.
func (f File) Save(snapshot []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(snapshot)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), string(f))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// saveEvery is how much of what was learned a crash may lose.
const saveEvery = 30 * time.Second

// recall restores what Config.Memory has.
func (s *Sender) recall() error {
	if s.cfg.Memory == nil {
		return nil
	}
	snapshot, err := s.cfg.Memory.Load()
	if err == nil && len(snapshot) > 0 {
		err = s.Restore(snapshot)
	}
	if err != nil {
		return fmt.Errorf("smtpace: Config.Memory: %w", err)
	}
	return nil
}

// saveNow is called by the timer. Once the Sender is closed the last word is
// that of Shutdown or Close: the Memory may be another Sender's after that.
func (s *Sender) saveNow() {
	if !s.isStopping() {
		s.save()
	}
}

// save gives Config.Memory what is known now.
func (s *Sender) save() {
	if s.cfg.Memory == nil {
		return
	}
	s.saves.Lock()
	defer s.saves.Unlock()
	snapshot, err := s.Snapshot()
	if err == nil {
		err = s.cfg.Memory.Save(snapshot)
	}
	if err != nil {
		s.cfg.Logger.Warn("smtpace: what was learned could not be saved", "error", err)
	}
}
