package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Deprecated is an API that somebody used although it will go.
type Deprecated struct {
	Group, Version, Resource, Subresource string
	Removed                               string // release without it: 1.38
}

// String is GROUP/VERSION RESOURCE.
func (d Deprecated) String() string {
	text := d.Version + " " + d.Resource
	if d.Group != "" {
		text = d.Group + "/" + text
	}
	if d.Subresource != "" {
		text += "/" + d.Subresource
	}
	return text
}

const (
	deprecatedMetric = "apiserver_requested_deprecated_apis{"
	// metricsLimit bounds what is read of an API server's metrics, which are a few
	// megabytes.
	metricsLimit = 128 << 20
	maxLine      = 1 << 20
)

// Deprecated lists what the API server that answers was asked for since it was
// started.
func (c *Client) Deprecated(ctx context.Context) ([]Deprecated, error) {
	body, err := c.rest.Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	defer body.Close()
	return readDeprecated(io.LimitReader(body, metricsLimit))
}

func readDeprecated(text io.Reader) ([]Deprecated, error) {
	var list []Deprecated
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), deprecatedMetric)
		if !ok {
			continue
		}
		labels, value, err := readLabels(rest)
		if err != nil {
			return nil, fmt.Errorf("reading the API server's metrics: %w", err)
		}
		if strings.TrimSpace(value) != "0" {
			list = append(list, Deprecated{labels["group"], labels["version"], labels["resource"], labels["subresource"], labels["removed_release"]})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the API server's metrics: %w", err)
	}
	return list, nil
}

var errMetric = errors.New("a line of metrics ends too early")

// readLabels reads NAME="VALUE",…} and returns what follows. In values, \ stands
// before \, " and n.
func readLabels(text string) (labels map[string]string, rest string, err error) {
	labels = map[string]string{}
	for {
		text = strings.TrimPrefix(text, ",")
		if after, ended := strings.CutPrefix(text, "}"); ended {
			return labels, after, nil
		}
		name, after, ok := strings.Cut(text, `="`)
		if !ok {
			return nil, "", errMetric
		}
		var value strings.Builder
		i := 0
		for ; i < len(after) && after[i] != '"'; i++ {
			if after[i] != '\\' || i+1 == len(after) {
				value.WriteByte(after[i])
				continue
			}
			if i++; after[i] == 'n' {
				value.WriteByte('\n')
			} else {
				value.WriteByte(after[i])
			}
		}
		if i == len(after) {
			return nil, "", errMetric
		}
		labels[name], text = value.String(), after[i+1:]
	}
}
