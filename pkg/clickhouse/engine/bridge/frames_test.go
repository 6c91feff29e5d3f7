package bridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/go-faster/city"
)

func TestFramesComeBackWithEveryMethod(t *testing.T) {
	data := bytes.Repeat([]byte("some text that repeats. "), 100_000) // several frames
	for _, method := range []string{"LZ4", "zstd", "NONE", "", "something"} {
		var packed bytes.Buffer
		if n, err := newFrameWriter(&packed, method).Write(data); err != nil || n != len(data) {
			t.Fatal(n, err)
		}
		reader := newFrameReader(&packed)
		got, err := io.ReadAll(reader)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%q: got %d bytes and error %v, want %d", method, len(got), err, len(data))
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnEndWithinAFrameIsNoEnd(t *testing.T) {
	var packed bytes.Buffer
	if _, err := newFrameWriter(&packed, "LZ4").Write([]byte("some text")); err != nil {
		t.Fatal(err)
	}
	for size := 1; size < packed.Len(); size++ {
		_, err := io.ReadAll(newFrameReader(bytes.NewReader(packed.Bytes()[:size])))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d of %d: got %v, want an unexpected end", size, packed.Len(), err)
		}
	}
}

// frame makes a frame with a right checksum.
func frame(method byte, unpacked uint32, body []byte) []byte {
	out := make([]byte, frameChecksum+frameHeader, frameChecksum+frameHeader+len(body))
	out[16] = method
	binary.LittleEndian.PutUint32(out[17:], uint32(frameHeader+len(body)))
	binary.LittleEndian.PutUint32(out[21:], unpacked)
	out = append(out, body...)
	sum := city.CH128(out[16:])
	binary.LittleEndian.PutUint64(out[0:], sum.Low)
	binary.LittleEndian.PutUint64(out[8:], sum.High)
	return out
}

func TestDamagedFramesAreRefused(t *testing.T) {
	good := frame(methodNone, 4, []byte("text"))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, data := range map[string][]byte{
		"a flipped bit":       flipped,
		"an unknown method":   frame(0x77, 4, []byte("text")),
		"a wrong size":        frame(methodNone, 5, []byte("text")),
		"lz4 that is none":    frame(methodLZ4, 100, []byte("\xff\xff\xff")),
		"zstd that is none":   frame(methodZSTD, 100, []byte("text")),
		"more than the bound": frame(methodNone, maxFrame+1, []byte("text")),
	} {
		if _, err := io.ReadAll(newFrameReader(bytes.NewReader(data))); !errors.Is(err, errDamaged) {
			t.Errorf("%s: got %v, want errDamaged", name, err)
		}
	}
	if got, err := io.ReadAll(newFrameReader(bytes.NewReader(good))); err != nil || string(got) != "text" {
		t.Errorf("got %q and error %v", got, err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(frame(methodNone, 4, []byte("text")))
	f.Add(frame(methodLZ4, 4, []byte("\x40text")))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum keeps chance out; the body is what is to be tried.
		if len(data) > 0 {
			_, _ = io.ReadAll(newFrameReader(bytes.NewReader(frame(data[0], uint32(len(data))*3, data[1:]))))
		}
		_, _ = io.ReadAll(newFrameReader(bytes.NewReader(data))) // must end, whatever it says
	})
}
