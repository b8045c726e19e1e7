package wire

import (
	"context"
	"errors"

	"provision/provision/agent/api"
)

// ToError makes any error fit for the wire: a wrapped api.Error keeps its code,
// what was wrapped around it keeps its words.
func ToError(err error) *api.Error {
	if err == nil {
		return nil
	}
	out := &api.Error{Code: api.CodeFailed, Message: err.Error()}
	var typed *api.Error
	switch {
	case errors.As(err, &typed):
		if error(typed) == err { //nolint:errorlint // only the error itself, with nothing around it
			return typed
		}
		out.Code, out.Data = typed.Code, typed.Data
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Code = api.CodeCanceled
	}
	return out
}

// IsCode reports whether err is, or wraps, an api.Error of the given code.
func IsCode(err error, code api.Code) bool {
	var typed *api.Error
	return errors.As(err, &typed) && typed.Code == code
}
