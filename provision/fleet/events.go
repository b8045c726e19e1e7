package fleet

import (
	"provision/provision/event"
)

func (f *Fleet) Emit(e event.Event) {
	e.Time = f.Now()
	f.Sink(e)
}
