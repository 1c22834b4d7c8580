package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/smtpace/smtpace/internal/simulate"
	"gonum.org/v1/plot/plotter"
)

func TestThePictureIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pace.png")
	if err := run([]string{"-o", file, "-scenario", "minute|^1/s|halved", "-control", "postfix"}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() < 1000 || b.Dy() < 400 {
		t.Errorf("four panels are %v, want three beside each other and one below", b)
	}
	colours := map[string]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			switch [3]uint32{r >> 8, g >> 8, b >> 8} {
			case [3]uint32{0x1b, 0x7f, 0x4b}:
				colours["accepted"] = true
			case [3]uint32{0xc6, 0x28, 0x28}:
				colours["refused"] = true
			}
		}
	}
	if !colours["accepted"] || !colours["refused"] {
		t.Errorf("the picture shows only %v", colours)
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"-scenario", "("}, {"-scenario", "nothing of the kind"}, {"-control", "best"},
		{"-scenario", "^1/s", "-o", filepath.Join(t.TempDir(), "no", "such", "directory.png")},
	} {
		if err := run(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestMeans(t *testing.T) {
	seconds := []simulate.Second{{Accepted: 5}, {Accepted: 5, Refused: 5}, {}, {}, {}, {Accepted: 2}}
	accepted, refused := means(active(append(seconds, simulate.Second{Refused: 9}, simulate.Second{})))
	want := plotter.XYs{{X: 2.5 / 60, Y: 2}, {X: 5.5 / 60, Y: 2}}
	if len(accepted) != 2 || accepted[0] != want[0] || accepted[1] != want[1] || refused[0].Y != 1 || refused[1].Y != 0 {
		t.Errorf("got %v and %v, want %v accepted and 1, 0 refused", accepted, refused, want)
	}
}
