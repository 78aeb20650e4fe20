import { showError } from './announce.js'
import { type Api } from './api.js'
import { type SignedIn } from './api-types.js'
import { element } from './dom.js'

/** The form for whoever is not signed in. */
export class SignInView {
  constructor(api: Api, onSignedIn: (user: SignedIn) => void) {
    const form = element('sign-in')
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void submit()
    })
    const submit = async (): Promise<void> => {
      form.setAttribute('aria-busy', 'true')
      const password = element('password', HTMLInputElement)
      try {
        const user = await api.signIn(element('email', HTMLInputElement).value, password.value)
        password.value = ''
        showError('sign-in-error')
        onSignedIn(user)
      } catch (error) {
        showError('sign-in-error', error)
        password.focus()
      } finally {
        form.removeAttribute('aria-busy')
      }
    }
  }

  /** @param why what happened to the session that there was. */
  show(why = ''): void {
    element('sign-in-section').hidden = false
    element('sign-in-why').textContent = why
    element('sign-in-why').hidden = why === ''
  }

  hide(): void {
    element('sign-in-section').hidden = true
    element('sign-in-why').hidden = true
    showError('sign-in-error')
  }
}
