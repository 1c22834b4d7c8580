package browsertest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/smtpace/smtpace/monitor"
)

var (
	picture = flag.String("picture", "", "file for the picture of the README; none is made without it")
	shots   = flag.String("shots", "", "folder for pictures of all looks; none are made without it")
)

// TestPicture makes the picture of the README: a Sender whose receivers are in
// trouble of several kinds.
func TestPicture(t *testing.T) {
	if *picture == "" {
		t.Skip("no -picture")
	}
	b := open(t, serve(t, troubled(t), monitor.Options{}), look{width: 1280, height: 980})
	time.Sleep(2 * time.Minute) // for the plots
	png := b.shot()
	if len(png) > 300<<10 {
		t.Errorf("the picture has %d bytes, want 300 kB at most", len(png))
	}
	if err := os.WriteFile(*picture, png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestShots makes pictures of all looks, for a person to judge.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("no -shots")
	}
	url := serve(t, troubled(t), monitor.Options{Actions: true})
	time.Sleep(30 * time.Second)
	for name, l := range map[string]look{
		"desktop": {width: 1280, height: 1900}, "dark": {width: 1280, height: 1900, dark: true},
		"phone": {width: 390, height: 2400, phone: true}, "phone-dark": {width: 390, height: 2400, phone: true, dark: true},
	} {
		b := open(t, url, l)
		b.until("document.querySelectorAll('#destinations tbody tr canvas').length > 5")
		time.Sleep(3 * time.Second)
		save(t, name+".png", b.shot())
		b.navigate("#/bigmail.example")
		b.until("document.querySelectorAll('#detail canvas').length === 3")
		time.Sleep(time.Second)
		save(t, name+"-detail.png", b.shot())
	}
}

func save(t *testing.T, name string, png []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(*shots, name), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
