package bridge

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spool keeps an answer until its query has ended: in memory at first, then in a file that
// has no name any more, so that it cannot be left behind.
type spool struct {
	most   int64
	size   int64
	memory bytes.Buffer
	file   *os.File
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) > s.most {
		file, err := os.CreateTemp("", "riskd-answer-*")
		if err != nil {
			return 0, fmt.Errorf("holding the answer: %w", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return 0, fmt.Errorf("holding the answer: %w", err)
		}
		if _, err := s.memory.WriteTo(file); err != nil {
			return 0, fmt.Errorf("holding the answer: %w", err)
		}
	}
	s.size += int64(len(p))
	if s.file != nil {
		return s.file.Write(p)
	}
	return s.memory.Write(p)
}

func (s *spool) copyTo(w io.Writer) error {
	if s.file == nil {
		_, err := s.memory.WriteTo(w)
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the held answer: %w", err)
	}
	_, err := io.Copy(w, s.file)
	return err
}

func (s *spool) discard() {
	if s.file != nil {
		_ = s.file.Close() // it has no name, nothing is left
	}
	s.memory = bytes.Buffer{}
}
