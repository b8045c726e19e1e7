package systemfake

// Boot is what a reboot makes of units: the enabled ones are started anew, the
// others are not.
func (u *Units) Boot() error {
	defer u.lock()()
	all, err := load[map[string]*Unit](u.root, unitsFile)
	if err != nil {
		return err
	}
	for _, unit := range all {
		switch {
		case !unit.Enabled || unit.Masked:
			unit.Active = ""
		case unit.Fail != "":
			unit.Active = "failed"
		default:
			unit.Active = "active"
			unit.Invocations++
		}
	}
	return store(u.root, unitsFile, all)
}
