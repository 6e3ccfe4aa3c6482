problem-title-too-many-subscribers = Too many subscribers
problem-detail-too-many-subscribers = As many programs follow the events as may at once. End one of them, or try again later.
