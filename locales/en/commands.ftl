### What commands say on a terminal.

command-problem = { $title } ({ $status })
command-problem-field = Field: { $field }
command-refused = The server refused (status { $status }) and said no more.
command-unreachable = { $server } can't be reached: { $why }. Is the server running there? Say where it is with --server or TSUNAGU_SERVER.
command-server-url = “{ $server }” is no address of a server; write it like http://127.0.0.1:8080.
command-token = The token has something in it that no token has; give it as it was shown.
command-no-document = { $server } shows no description of its API; is it a Tsunagu server's administrators' door?
command-file = { $file }: { $why }
command-no-collection = There is nothing called “{ $name }”{ $nearest ->
    [none] .
   *[other] ; did you mean { $nearest }?
  } `tsunagu admin` lists what there is.
command-no-verb = “{ $verb }” can't be done with { $collection }; what can: { $verbs }.
command-no-field = There is no field “{ $name }”{ $nearest ->
    [none] .
   *[other] ; did you mean { $nearest }?
  }
command-no-parameter = Nothing can be asked for by “{ $name }”{ $nearest ->
    [none] .
   *[other] ; did you mean { $nearest }?
  }
command-no-sort = Nothing can be sorted by “{ $name }”{ $nearest ->
    [none] .
   *[other] ; did you mean { $nearest }?
  }
command-no-action = There is no action “{ $name }” here{ $nearest ->
    [none] .
   *[other] ; did you mean { $nearest }?
  }
command-parameter-sign = “{ $name }” is a parameter, not a field: write { $name }==value.
command-choice = { $name }: “{ $value }” is not among { $choices }.
command-item = “{ $item }” says nothing; write FIELD=VALUE.
command-filter = “{ $item }” filters nothing; write FIELD=VALUE.
command-json = { $name }: what stands after := is not JSON: { $why }
command-body = The body must be a JSON object. { $why }
command-which = Say which one: `tsunagu admin { $collection } { $verb } NAME`.
command-no-name = There is only one { $collection }; leave “{ $name }” out.
command-no-change = Say what to change: FIELD=VALUE.
command-nothing = Nothing found.
command-more = { $shown } of { $total }; --limit or --all shows more.
command-added = Added.
command-changed = Changed.
command-deleted = Deleted: { $name }
command-done = Done.
command-progress = { $done } of { $total }
command-job-failed = The job has ended, and not well ({ $state }); what is above says why.
command-healthy = The server takes phones.
command-unhealthy = The server takes no phones now: it is starting or stopping, or its database doesn't answer.
command-hint = `tsunagu admin COLLECTION` says what fields there are and what can be done; `tsunagu admin --help` how to say it.
command-filters = Can be listed by:
command-head-collection = collection
command-head-verbs = what can be done
command-head-actions = actions
command-head-field = field (* must be given)
command-head-kind = holds
command-head-about = meaning
command-head-takes = takes
