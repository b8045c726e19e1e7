package catalogue

import (
	"cmp"
	"fmt"
	"strings"
)

// Coordinate names a file of a Maven repository.
type Coordinate struct{ Group, Artifact, Version, Type, Classifier string }

// ParseCoordinate reads GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]].
func ParseCoordinate(s string) (Coordinate, error) {
	f := strings.Split(s, ":")
	if len(f) < 3 || len(f) > 5 || strings.ContainsAny(s, "/\\ \n%?#") || strings.Contains(s, "..") {
		return Coordinate{}, fmt.Errorf("%q is not GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]]", s)
	}
	f = append(f, "", "")
	c := Coordinate{Group: f[0], Artifact: f[1], Version: f[2], Type: cmp.Or(f[3], "jar"), Classifier: f[4]}
	if c.Group == "" || c.Artifact == "" || c.Version == "" {
		return Coordinate{}, fmt.Errorf("%q is not GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]]", s)
	}
	return c, nil
}

// String is the coordinate in full.
func (c Coordinate) String() string {
	return strings.TrimSuffix(strings.Join([]string{c.Group, c.Artifact, c.Version, c.Type, c.Classifier}, ":"), ":")
}

// File is the name of the file.
func (c Coordinate) File() string {
	name := c.Artifact + "-" + c.Version
	if c.Classifier != "" {
		name += "-" + c.Classifier
	}
	return name + "." + c.Type
}

// Path is where the file lies in a repository.
func (c Coordinate) Path() string {
	return strings.Join([]string{strings.ReplaceAll(c.Group, ".", "/"), c.Artifact, c.Version, c.File()}, "/")
}
