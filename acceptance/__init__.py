"""A test of a deployment in a real account: it applies, scales, checks, measures and destroys.

`python -m acceptance` (`make acceptance`) is the command; docs/acceptance.md describes it.

- `account`: where it runs, and whether that is AWS; `consent`: the cost and the question;
- `root`: the Terraform root that it applies, in a folder that remains; `terraform`: its commands;
- `stack`: the applied resources; `waiting`: every wait, with its time limit; `load`: traffic while it waits;
- `walk`: the steps in order, and the destroy at the end in any case; `scaling`, `trust`, `healing`: the steps;
- `diagnosis`: the cause of a failure, in a sentence;
- `probe`, `measurements`: measurements of what AWS does not document; `leftovers`: the check that nothing is left;
- `report`: the page and the JUnit file; `policy`: the permissions that it needs; `rehearsal`: all of it on a
  local AWS, in virtual time.
"""
