"""What scikit-learn's callbacks (1.9 and later) hear of a fit: every Newton step."""


class StepCallbacks:
    """Calls the callbacks that are set on an estimator, or on what it is part of.

    Parameters
    ----------
    estimator : estimator instance
        What is fitted, with the base `CallbackSupport`.
    data : dict
        Its `X`, `y` and `metadata`, as callbacks are given them.
    used : UsedColumns
        Columns of X that the steps are about.
    most_steps : int
        Upper bound of the steps.

    Notes
    -----
    As in scikit-learn's `LogisticRegression`, a callback's wish to stop is not heard.
    """

    def __init__(self, estimator, data, used, *, most_steps):
        self.estimator, self.data, self.used = estimator, data, used
        self.context = estimator._init_callback_context(max_subtasks=most_steps)
        self.context.call_on_fit_task_begin(estimator=estimator, **data)
        # Coefficients are copied for those who look only.
        self.watched = hasattr(estimator, "_skl_callbacks")
        self._task = None
        self._whole = None

    def among(self, solution, columns):
        """Tell from now on that steps are those of some columns of a solution."""

        def place(coef, intercept):
            whole = solution.coef.copy(), solution.intercept.copy()
            whole[0][:, columns], whole[1][columns] = coef, intercept
            return whole

        self._whole = place

    def begin(self, present):
        """Begin a step.

        Parameters
        ----------
        present : callable
            Without arguments; gives the coefficients (n_features, n_columns) and the
            intercepts (n_columns,) where the step begins.
        """
        if not self.watched:
            return
        self._task = self.context.subcontext(task_name="newton-step")
        self._task.call_on_fit_task_begin(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._fitted(present),
        )

    def end(self, present):
        """End the step that has begun, where `present` says."""
        if not self.watched:
            return
        self._task.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=lambda: self._fitted(present),
        )

    def close(self):
        """End the fit; the estimator has learned what it learns."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes={}
        )

    def _fitted(self, present):
        """Attributes of an estimator whose fit ends here."""
        coef, intercept = self._whole(*present())
        dtype = self.data["X"].dtype
        wide = self.used.widen(coef.T, dtype)
        return {"coef_": wide, "intercept_": intercept.astype(dtype)}
