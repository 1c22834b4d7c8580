package main

import (
	"fmt"
	"io"
	"os"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
)

// judge knows the receivers.
type judge struct {
	profiles   *profile.Set
	classifier *classify.Classifier
}

// newJudge reads the files of profiles; warnings go to stderr. What -profiles has
// goes before what -shaping has, and that before what is built in.
func newJudge(o options, stderr io.Writer) (*judge, error) {
	set := profile.Default()
	err := readFile(o.shaping, func(r io.Reader) error {
		own, warnings, err := profile.ParseShaping(r, o.shaping)
		for _, w := range warnings {
			fmt.Fprintf(stderr, "classify: warning: %v\n", w)
		}
		if err == nil {
			set = set.With(own)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = readFile(o.profiles, func(r io.Reader) error {
		own, err := profile.Parse(r, o.profiles)
		if err == nil {
			set = set.With(own)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	classifier, err := classify.New(set.Rules()...)
	if err != nil {
		return nil, err
	}
	return &judge{profiles: set, classifier: classifier}, nil
}

// readFile reads a file, or nothing when it has no name.
func readFile(name string, read func(io.Reader) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// of finds the provider of an answer and judges it.
func (j *judge) of(a answer) (answer, classify.Verdict) {
	if p := j.profileOf(a); p != nil {
		a.provider = p.Name
	}
	if a.err == nil {
		return a, classify.Verdict{}
	}
	v := j.classifier.Of(classify.Input{Stage: a.stage, Provider: a.provider, Ordinal: a.ordinal}, a.err)
	if a.class != classify.ClassUnknown {
		v.Class = a.class
	}
	return a, v
}

// profileOf finds a profile by its name, by the recipient's domain, or by the
// server that answered; nil when there is none.
func (j *judge) profileOf(a answer) *profile.Profile {
	for _, name := range []string{a.provider, a.domain, a.host} {
		if name == "" {
			continue
		}
		if p := j.profiles.ByName(name); p != nil && name == a.provider {
			return p
		}
		if p := j.profiles.ByDomain(name); p != nil {
			return p
		}
		if p := j.profiles.ByMX(name); p != nil {
			return p
		}
	}
	return nil
}
